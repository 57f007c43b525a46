"""The kinds of value that a profile may hold: each checks itself, and describes itself to editors."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from aisuite.profile.text import check_file_name, check_image, check_model_name, check_name, check_plain, check_repo
from aisuite.units import MAX_PORT, Mib, Port, Seconds

MOST = 2**31 - 1  # what llama.cpp keeps in an int
_A_NAME = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$", "maxLength": 63}
_SHORTEST, _LONGEST = Seconds(0.001), Seconds(24 * 3600)


def _size(value: Any) -> Mib:
    if isinstance(value, Mib):
        return value
    if not isinstance(value, str):
        raise ValueError(f'{value!r} is not a size; write it with a unit, for example "6GiB" or "512MiB"')  # noqa: TRY004
    return Mib.parse(value)


def _duration(value: Any) -> Seconds:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f'{value!r} is not a duration; write for example "60s"')  # noqa: TRY004
    return Seconds.parse(str(value))


def _positive(value: Mib) -> Mib:
    if value <= 0:
        raise ValueError("must be at least 1MiB")
    return value


def _sensible(value: Seconds) -> Seconds:
    if not _SHORTEST <= value <= _LONGEST:
        raise ValueError("must be between 1ms and 24h")
    return value


def _number_of_phase(value: Any) -> Any:
    # A Literal compares with ==, and True == 1.
    if type(value) is not int:
        raise ValueError(f"must be 1, 2 or 3, not {value!r}")
    return value


def _address(value: Any) -> Any:
    # An address of the ipaddress module may also be a number or carry a scope (%eth0): neither can be meant here.
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    try:
        if isinstance(value, str) and "%" not in value:
            return ip_address(value)
    except ValueError:
        pass
    raise ValueError(f"{value!r} is not an IP address; write for example 127.0.0.1 or ::1")


Size = Annotated[
    Mib,
    BeforeValidator(_size),
    AfterValidator(_positive),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\s*\d{1,12}(\.\d{1,12})?\s*([KkMmGg]([Ii]?[Bb])?|[Bb])\s*$",
            "examples": ["6GiB", "200MiB"],
        }
    ),
]
Duration = Annotated[
    Seconds,
    BeforeValidator(_duration),
    AfterValidator(_sensible),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0.001, "maximum": 86400},
                {"type": "string", "pattern": r"^\s*\d{1,12}(\.\d{1,12})?\s*(ms|s|m|h)?\s*$"},
            ],
            "examples": ["60s", "2m"],
        }
    ),
]
PortNumber = Annotated[
    Port,
    BeforeValidator(lambda value: Port.parse(value) if type(value) is int else value),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_PORT}),
]
Name = Annotated[str, AfterValidator(check_name), WithJsonSchema(_A_NAME)]
ModelName = Annotated[str, AfterValidator(check_model_name), WithJsonSchema({**_A_NAME, "maxLength": 50})]
PlainText = Annotated[str, AfterValidator(check_plain)]
Folder = Annotated[str, Field(min_length=1), AfterValidator(check_plain)]
FileName = Annotated[str, AfterValidator(check_file_name), WithJsonSchema({"type": "string", "pattern": r"\.gguf$"})]
Repo = Annotated[str, AfterValidator(check_repo), WithJsonSchema({"type": "string", "pattern": "^[^/]+/[^/]+$"})]
ImageRef = Annotated[str, AfterValidator(check_image)]
CardIndex = Annotated[int, Field(ge=0, le=255, strict=True)]
Count = Annotated[int, Field(ge=1, le=MOST, strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Address = Annotated[
    IPv4Address | IPv6Address,
    BeforeValidator(_address),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
]
Phase = Annotated[Literal[1, 2, 3], BeforeValidator(_number_of_phase)]
