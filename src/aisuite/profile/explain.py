"""What pydantic found wrong with a profile, in words: what was given, what is wanted, and which key was meant."""

from __future__ import annotations

import re
import typing
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from aisuite.profile.keypath import did_you_mean, find_value, shown
from aisuite.profile.model import Profile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from aisuite.profile.keypath import KeyPath
    from aisuite.profile.layer import Tree

_LONGEST_MESSAGE = 400
_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_unicode": "text",
    "string_pattern_mismatch": "64 hexadecimal digits in lower case",
    "is_instance_of": "a whole number from 1 to 65535",  # ports: the only class that is asked for
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_OLD_BOOLEANS = {"yes", "no", "on", "off", "y", "n"}


def explain(error: ValidationError, tree: Tree) -> dict[KeyPath, str]:
    """Return one message for each key path that is wrong."""
    found: dict[KeyPath, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        found.setdefault(_place(detail, tree), []).append(detail)
    return {
        path: _message(path, details, find_value(tree, path))[:_LONGEST_MESSAGE]
        for path, details in found.items()
        if not _follows_from_another(path, details, found)
    }


def known_keys(path: KeyPath) -> tuple[str, ...]:
    """Name the keys that may stand at a key path; empty where the owner chooses them."""
    kind: Any = Profile
    for part in path:
        kind = _kind_below(kind, part)
    if not _is_part(kind):
        return ()
    return tuple(field.alias or name for name, field in kind.model_fields.items())


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _kind_below(kind: Any, part: str | int) -> Any:
    if _is_part(kind):
        return next((f.annotation for name, f in kind.model_fields.items() if part == (f.alias or name)), None)
    # dict[Name, Kind] and tuple[Kind, ...]
    arguments = typing.get_args(kind)
    return arguments[1] if typing.get_origin(kind) is dict else None


def _place(detail: ErrorDetails, tree: Tree) -> KeyPath:
    """Cut off what pydantic adds to a location and no file holds: `[key]`, the branch of a union."""
    path: KeyPath = detail["loc"]
    if detail["type"] in {"missing", "extra_forbidden"}:
        return path
    known: KeyPath = ()
    for part in path:
        inner = find_value(tree, known)
        held = part in inner if isinstance(inner, dict) else isinstance(inner, list) and isinstance(part, int)
        if not held:
            break
        known = (*known, part)
    return known


def _follows_from_another(path: KeyPath, details: list[ErrorDetails], found: Iterable[KeyPath]) -> bool:
    """A list whose only entry is wrong also counts as too short."""
    below = any(len(other) > len(path) and other[: len(path)] == path for other in found)
    return below and all(detail["type"] == "too_short" for detail in details)


def _message(path: KeyPath, details: list[ErrorDetails], value: object) -> str:
    first = details[0]
    if first["type"] == "extra_forbidden":
        return _unknown_key(path)
    if first["type"] == "missing":
        return "is missing"
    own = [str(detail["ctx"]["error"]) for detail in details if detail["type"] == "value_error"]
    if own:
        return own[0]
    if value is None:
        return f"has no value; give it {_wanted(details)}, or remove the line"
    bounds = [_BOUNDS[detail["type"]] + (detail["ctx"],) for detail in details if detail["type"] in _BOUNDS]
    if bounds:
        key, words, context = bounds[0]
        return f"must be {words} {context[key]:.15g}, not {shown(value)}"
    if first["type"] in {"too_short", "string_too_short"}:
        return "must not be empty"
    return f"must be {_wanted(details)}, not {shown(value)}{_advice(details, value)}"


def _unknown_key(path: KeyPath) -> str:
    return f"unknown key{did_you_mean(str(path[-1]), known_keys(path[:-1]), 'known here')}"


def _wanted(details: list[ErrorDetails]) -> str:
    words = [
        detail["ctx"]["expected"] if detail["type"] == "literal_error" else _WANTED.get(detail["type"], detail["msg"])
        for detail in details
    ]
    return " or ".join(dict.fromkeys(words))


def _advice(details: list[ErrorDetails], value: object) -> str:
    kinds = {detail["type"] for detail in details}
    if not isinstance(value, str):
        return "; write it in quotes" if "string_type" in kinds and isinstance(value, int | float) else ""
    if "bool_type" in kinds and value.lower() in _OLD_BOOLEANS:
        return f"; in YAML 1.2 {value!r} is text"
    if kinds & {"int_type", "float_type", "is_instance_of"} and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return "; write it without quotes"
    expected = " ".join(detail["ctx"]["expected"] for detail in details if detail["type"] == "literal_error")
    return did_you_mean(value, re.findall(r"'([^']+)'", expected))
