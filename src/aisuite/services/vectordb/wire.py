"""Reading JSON bodies: strict shapes, and a plain refusal of what only the Qdrant server can do."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import from_json

from aisuite.services.common import ServiceError
from aisuite.services.vectordb.errors import InvalidBody, NotSupported

U64_MAX = 2**64 - 1
# The engine cannot read back what is nested more than about 120 levels deep, and then opens the collection no
# more. A payload may be set below a path, so both have a limit.
MAX_DEPTH = 64
MAX_PATH_DEPTH = 32


class Body(BaseModel):
    """A JSON object with known keys only."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


B = TypeVar("B", bound=Body)


def _refuse(value: object, info: ValidationInfo) -> None:
    if value is not None:
        raise NotSupported(str(info.field_name))


def _refuse_more_than_one(value: object, info: ValidationInfo) -> object:
    if isinstance(value, int) and value > 1:
        raise NotSupported(f"{info.field_name} above 1")
    return value


def _parse_point_id(value: object) -> int | UUID:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= U64_MAX:
        return value
    if isinstance(value, str):
        try:
            return UUID(value)
        except ValueError:
            pass
    raise ValueError(f"{shorten(value)} is not a point id: an unsigned integer or a UUID is needed")


def _check_payload(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError("a payload is a JSON object")  # noqa: TRY004 - pydantic reports ValueError only
    if fault := _fault(value):
        raise ValueError(fault)
    return value


def _check_path(value: str) -> str:
    if value.count(".") + value.count("[") >= MAX_PATH_DEPTH:
        raise ValueError(f"a payload path may have {MAX_PATH_DEPTH} parts")
    return value


Unsupported = Annotated[None, BeforeValidator(_refuse)]
OnlyOne = Annotated[int | None, BeforeValidator(_refuse_more_than_one)]
PointId = Annotated[int | UUID, PlainValidator(_parse_point_id)]
Payload = Annotated[dict[str, Any], PlainValidator(_check_payload)]
PayloadPath = Annotated[str, AfterValidator(_check_path)]


def parse_json(raw: bytes) -> Any:
    """Decode a body; NaN, halves of surrogate pairs and nesting without end are no JSON."""
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError as err:
        raise ServiceError(400, f"Format error in JSON body: {err}") from err


def parse_body(shape: type[B], raw: bytes) -> B:
    """Decode a body and check it against its shape."""
    return check_shape(shape, parse_json(raw))


def check_shape(shape: type[B], value: object) -> B:
    """Check decoded JSON against a shape; all problems are reported at once."""
    try:
        return shape.model_validate(value)
    except ValidationError as err:
        raise InvalidBody("; ".join(_problems(err))) from err


def shorten(value: object) -> str:
    """Show a value in a message without repeating a whole vector."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _problems(err: ValidationError) -> list[str]:
    return [
        f"{'.'.join(str(part) for part in problem['loc']) or 'body'}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in err.errors(include_url=False)[:5]
    ]


def _fault(payload: object) -> str | None:
    """Tell what the engine could not keep: it would take the payload, and fail to read it back."""
    layer: list[Any] = [payload]
    for _ in range(MAX_DEPTH):
        items = [item for holder in layer for item in (holder.values() if isinstance(holder, dict) else holder)]
        if any(isinstance(item, float) and not math.isfinite(item) for item in items):
            return "a number is out of range"
        layer = [item for item in items if isinstance(item, dict | list)]
        if not layer:
            return None
    return f"a payload may be nested {MAX_DEPTH} levels deep"
