"""The JSON Schema of profile files, for editors and for people; generated from the model."""

from __future__ import annotations

import json
from typing import Any

from aisuite.profile.model import Profile
from aisuite.profile.part import Part
from aisuite.profile.services import Service

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_ID = "urn:aisuite:schema:profile"


def profile_schema() -> dict[str, Any]:
    """Return the schema of one file: every key that may stand there, none that must.

    A file that extends another says only what differs; whether the whole is complete is judged after merging.
    """
    model = Profile.model_json_schema(by_alias=True)
    whole = model.pop("required")
    inherited = model["properties"]["models"]["patternProperties"]  # null leaves out one of the parent's
    inherited.update({name: {"anyOf": [entry, {"type": "null"}]} for name, entry in inherited.items()})
    written = _written_defaults()
    parts = {name: _part(part, written[name]) for name, part in model.pop("$defs").items()}
    head = {"$schema": _DRAFT, "$id": _ID, "title": "aisuite profile"}
    return {
        **head,
        **_part(model, written["Profile"]),
        "anyOf": [{"required": ["extends"]}, {"required": whole}],
        "$defs": parts,
    }


def render_schema() -> str:
    """Return the text of profiles/schema.json."""
    return json.dumps(profile_schema(), indent=2, ensure_ascii=False) + "\n"


def _written_defaults() -> dict[str, dict[str, Any]]:
    """Return each part's defaults as a file would write them: pydantic's schema gives a size as a bare number."""
    parts: list[type[Part]] = [*Part.__subclasses__(), *Service.__subclasses__()]
    return {part.__name__: part.model_construct().model_dump(mode="json", by_alias=True) for part in parts}


def _part(part: dict[str, Any], written: dict[str, Any]) -> dict[str, Any]:
    """Leave out what pydantic adds and nobody reads: titles made of names, and defaults of whole sections."""
    kept = {key: value for key, value in part.items() if key not in {"required", "title", "properties"}}
    properties = {name: _key(key, written.get(name)) for name, key in part["properties"].items()}
    return {**kept, "properties": properties}


def _key(key: dict[str, Any], written: Any) -> dict[str, Any]:
    unread = {"title", "default"} if "$ref" in key or key.get("default") is None else {"title"}
    kept = {name: written if name == "default" else value for name, value in key.items() if name not in unread}
    # pydantic says which names are fine, but not that others are not.
    return {**kept, "additionalProperties": False} if "patternProperties" in kept else kept
