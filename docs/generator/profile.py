"""docs/reference/profile.md: every key of a profile."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from aisuite.profile.model import Profile
from aisuite.units import Mib, Seconds
from generator.markdown import code, page, section, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Schema = Mapping[str, Any]
    Row = tuple[str, str, str, str]  # key path, type, default, meaning

_NAMED = {"models": "<model>", "routes": "<route>", "ports": "<service>", "tolerances": "<fault>"}
_WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_UNITS = {"6GiB": ("size", Mib), "60s": ("duration", Seconds)}  # by their first example in the schema
_MOST = 2**31 - 1  # a bound that is of no use to a reader
_HEAD = ("key", "type", "default", "meaning")


def profile_page() -> str:
    """Return the text of the page."""
    schema = Profile.model_json_schema(by_alias=True)
    rows = list(_find_keys(schema, schema, ()))
    sections = [(top, list(found)) for top, found in groupby(rows, key=lambda row: row[0].split(".")[0])]
    return page(
        "# Profile keys",
        "A profile is a YAML file. Unknown keys are refused; what is not written has its default. `extends` names one "
        "parent, and only what differs needs to be written. How to: "
        "[write a profile](../how-to/write-a-profile.md). For your editor: `aisuite profile schema`.",
        "`<model>` and `<route>` are names that you choose; `<service>` is one of the suite's [services](services.md).",
        "A *size* has a unit: `6GiB`, `512MiB`. A *duration* is a number of seconds, or has a unit: `500ms`, `60s`, "
        "`2m`, `1h`. Folders are relative to the working directory.",
        "## Top level",
        table(_HEAD, (_as_cells(row) for _, found in sections for row in found if len(found) == 1)),
        *(section(f"## {top}", table(_HEAD, map(_as_cells, found))) for top, found in sections if len(found) > 1),
    )


def _as_cells(row: Row) -> Row:
    return (code(row[0]), *row[1:])


def _find_keys(schema: Schema, part: Schema, path: tuple[str, ...]) -> Iterator[Row]:
    """Yield a row for each value that may stand below a part of the schema."""
    for name, key in part["properties"].items():
        here, value = (*path, name), key
        if "patternProperties" in key:
            here, value = (*here, _NAMED[name]), next(iter(key["patternProperties"].values()))
        if "$ref" in value:
            yield from _find_keys(schema, schema["$defs"][value["$ref"].rsplit("/", 1)[1]], here)
        else:
            default = "required" if name in part.get("required", ()) else _default(key)
            yield ".".join(here), _type(value), default, key["description"]


def _default(key: Schema) -> str:
    default = key.get("default")
    if default is None:
        return "none"
    if isinstance(default, bool):
        return code(str(default).lower())
    unit = _unit(key)
    return code((unit[1](default) if unit else default) if default != "" else '""')


def _type(key: Schema) -> str:
    """Say in words what a value may be."""
    if unit := _unit(key):
        return unit[0]
    kinds = [kind for kind in key.get("anyOf", [key]) if kind.get("type") != "null"]
    return " or ".join(map(_kind, kinds))


def _unit(key: Schema) -> tuple[str, type[Mib] | type[Seconds]] | None:
    return _UNITS.get(key.get("examples", ("",))[0])


def _plural(kind: Schema) -> str:
    if kind.get("type") in {"integer", "number"}:
        return f"{_WORDS[kind['type']]}s{_limits(kind)}"
    return f"{_kind(kind)}s"


def _kind(kind: Schema) -> str:
    if unit := _unit(kind):
        return unit[0]
    if "format" in kind:
        return {"ipv4": "IPv4 address", "ipv6": "IPv6 address"}[kind["format"]]
    if "enum" in kind or "const" in kind:
        return ", ".join(map(code, kind.get("enum", [kind.get("const")])))
    if kind["type"] == "array":
        return f"list of {_plural(kind['items'])}"
    if kind.get("pattern", "").startswith("^[a-z0-9]("):
        return "name"
    return _WORDS[kind["type"]] + _limits(kind)


def _limits(kind: Schema) -> str:
    low, above, high = kind.get("minimum"), kind.get("exclusiveMinimum"), kind.get("maximum", _MOST)
    if above is not None:
        return f", above {above:g}" + (f", at most {high:g}" if high < _MOST else "")
    if low is None:
        return ""
    return f", {low:g} to {high:g}" if high < _MOST else f", {low:g} or more"
