"""A stack as a JSON document, and back: what ran once is started again without the profile that it came from."""

from __future__ import annotations

import types
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from aisuite.stack.model import Stack
from aisuite.units import Mib, Port, Seconds

# The model names these for type checkers only.
_NAMES = {"Path": Path, "Mib": Mib, "Port": Port, "Seconds": Seconds}
_NUMBERS: dict[Any, tuple[type, ...]] = {
    bool: (bool,),
    int: (int,),
    float: (int, float),
    Mib: (int,),
    Port: (int,),
    Seconds: (int, float),
}


def describe_stack(stack: Stack) -> dict[str, Any]:
    """Return all of a stack in JSON's own types. There are no secrets in it."""
    described: dict[str, Any] = _plain(stack)
    return described


def parse_stack(document: Any) -> Stack:
    """Return the stack of a document. Raises ValueError, naming the key, for what this version does not know."""
    stack: Stack = _parse(document, Stack, "stack")
    return stack


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Path):
        return str(value)
    return value


def _parse(value: Any, kind: Any, key: str) -> Any:
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        return None if value is None else _parse(value, next(one for one in get_args(kind) if one is not _NONE), key)
    if origin is tuple:
        return _parse_tuple(value, get_args(kind), key)
    if origin is Literal:
        if value not in get_args(kind):
            raise ValueError(f"{key}: there is no {value!r}")
        return value
    if is_dataclass(kind):
        return _parse_fields(value, kind, key)
    return _parse_plain(value, kind, key)


_NONE = type(None)


def _parse_tuple(value: Any, kinds: tuple[Any, ...], key: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{key}: it is no list")  # noqa: TRY004  a file's fault, not a caller's
    if kinds[-1] is Ellipsis:
        return tuple(_parse(one, kinds[0], f"{key}[{index}]") for index, one in enumerate(value))
    if len(value) != len(kinds):
        raise ValueError(f"{key}: it has {len(value)} entries, not {len(kinds)}")
    return tuple(
        _parse(one, kind, f"{key}[{index}]") for index, (one, kind) in enumerate(zip(value, kinds, strict=True))
    )


def _parse_fields(value: Any, kind: Any, key: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{key}: it is no object")  # noqa: TRY004
    if unknown := sorted(value.keys() - _hints(kind).keys()):
        raise ValueError(f"{key}: {', '.join(unknown)}: not known")
    found = {}
    for field in fields(kind):
        if field.name in value:
            found[field.name] = _parse(value[field.name], _hints(kind)[field.name], f"{key}.{field.name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{key}: {field.name} is missing")
    return kind(**found)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, localns=_NAMES)


def _parse_plain(value: Any, kind: Any, key: str) -> Any:
    if kind in _NUMBERS:
        if not isinstance(value, _NUMBERS[kind]) or (kind is not bool and isinstance(value, bool)):
            raise ValueError(f"{key}: {value!r} is no number, or not that kind of one")
        return value if kind in {bool, int, float} else kind(value)
    if not isinstance(value, str):
        raise ValueError(f"{key}: {value!r} is no text")  # noqa: TRY004
    if issubclass(kind, Enum) and value not in {one.value for one in kind}:
        raise ValueError(f"{key}: there is no {value!r}")
    return value if kind is str else kind(value)
