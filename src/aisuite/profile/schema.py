"""The JSON Schema of profile files, for editors and for people; generated from the model."""

from __future__ import annotations

import json
from typing import Any

from aisuite.profile.model import Profile

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_ID = "urn:aisuite:schema:profile"


def profile_schema() -> dict[str, Any]:
    """Return the schema of one file: every key that may stand there, none that must.

    A file that extends another says only what differs; whether the whole is complete is judged after merging.
    """
    model = Profile.model_json_schema(by_alias=True)
    whole = model.pop("required")
    parts = {name: _part(part) for name, part in model.pop("$defs").items()}
    head = {"$schema": _DRAFT, "$id": _ID, "title": "aisuite profile"}
    return {**head, **_part(model), "anyOf": [{"required": ["extends"]}, {"required": whole}], "$defs": parts}


def render_schema() -> str:
    """Return the text of profiles/schema.json."""
    return json.dumps(profile_schema(), indent=2, ensure_ascii=False) + "\n"


def _part(part: dict[str, Any]) -> dict[str, Any]:
    """Leave out what pydantic adds and nobody reads: titles made of names, and defaults of whole sections."""
    kept = {key: value for key, value in part.items() if key not in {"required", "title", "properties"}}
    return {**kept, "properties": {name: _key(key) for name, key in part["properties"].items()}}


def _key(key: dict[str, Any]) -> dict[str, Any]:
    unread = {"title", "default"} if "$ref" in key or key.get("default") is None else {"title"}
    kept = {name: value for name, value in key.items() if name not in unread}
    # pydantic says which names are fine, but not that others are not.
    return {**kept, "additionalProperties": False} if "patternProperties" in kept else kept
