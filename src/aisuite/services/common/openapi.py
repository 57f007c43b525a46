"""What every service says of itself in its OpenAPI document: the key, and the body of its errors."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

_SCHEME = "key"
_VALIDATION = ("HTTPValidationError", "ValidationError")  # FastAPI's own body, which is never sent
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}}
_TEMPORARY = (429, 503)


class ErrorDetail(BaseModel):
    """What was refused, and why."""

    message: str
    type: str
    code: str | None
    param: str | None


class ErrorBody(BaseModel):
    """An error as OpenAI clients expect it, with the id under which the log has it."""

    error: ErrorDetail
    request_id: str


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the error answers of a route."""
    return {
        status: {
            "model": ErrorBody,
            "description": HTTPStatus(status).phrase,
            **({"headers": _RETRY_AFTER} if status in _TEMPORARY else {}),
        }
        for status in statuses
    }


def document(app: FastAPI, open_paths: Collection[str]) -> None:
    """Complete the app's OpenAPI document, which is made when it is first asked for."""
    made: dict[str, Any] = {}

    def describe() -> dict[str, Any]:
        if not made:
            made.update(_complete(FastAPI.openapi(app), open_paths))
        return made

    app.openapi = describe  # type: ignore[method-assign]


def _complete(schema: dict[str, Any], open_paths: Collection[str]) -> dict[str, Any]:
    components = schema.setdefault("components", {})
    models = components.setdefault("schemas", {})
    for name in _VALIDATION:
        models.pop(name, None)
    for form in (ErrorDetail, ErrorBody):
        models.setdefault(form.__name__, form.model_json_schema(ref_template="#/components/schemas/{model}"))
        models[form.__name__].pop("$defs", None)
    components["securitySchemes"] = {_SCHEME: {"type": "http", "scheme": "bearer"}}
    for path, methods in schema.get("paths", {}).items():
        for operation in methods.values():
            answers = operation["responses"]
            if path not in open_paths:
                operation["security"] = [{_SCHEME: []}]
                answers.setdefault("401", _refusal(401))
            answers.setdefault("default", _refusal(None))
            if "requestBody" in operation or "parameters" in operation:
                answers["422"] = _refusal(422)
            if "requestBody" in operation:
                answers.setdefault("400", _refusal(400))  # what cannot be read at all
    return schema


def _refusal(status: int | None) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{ErrorBody.__name__}"}}}
    words = "Any other refusal." if status is None else HTTPStatus(status).phrase
    return {"description": words, "content": content}
