"""Reading JSON bodies: strict shapes, and a plain refusal of what only the Qdrant server can do."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, ValidationError, ValidationInfo

from aisuite.services.common import ServiceError
from aisuite.services.vectordb.errors import InvalidBody, NotSupported

U64_MAX = 2**64 - 1
# The engine's log cannot be read back past 128 levels: a deeper payload would make the collection unloadable.
MAX_DEPTH = 64


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
    if _deeper_than(value, MAX_DEPTH):
        raise ValueError(f"a payload may be nested {MAX_DEPTH} levels deep")
    return value


Unsupported = Annotated[None, BeforeValidator(_refuse)]
OnlyOne = Annotated[int | None, BeforeValidator(_refuse_more_than_one)]
PointId = Annotated[int | UUID, PlainValidator(_parse_point_id)]
Payload = Annotated[dict[str, Any], PlainValidator(_check_payload)]


def parse_json(raw: bytes) -> Any:
    """Decode a body, refusing NaN, infinities and what is nested without end."""
    try:
        text = raw.decode()
        value = json.loads(text, parse_constant=_no_constant)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()  # fails on half of a surrogate pair
    except RecursionError:
        raise _format_error("it is nested too deeply") from None
    except ValueError as err:
        raise _format_error(str(err)) from err
    return value


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


def _format_error(reason: str) -> ServiceError:
    return ServiceError(400, f"Format error in JSON body: {reason}")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _deeper_than(value: object, levels: int) -> bool:
    layer: list[Any] = [value]
    for _ in range(levels):
        layer = [
            item
            for holder in layer
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, dict | list)
        ]
        if not layer:
            return False
    return True
