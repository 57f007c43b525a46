"""Which files are read, told by their names."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

Kind = Literal["prose", "code", "rst", "html", "pdf", "docx", "csv", "json"]

_CODE = (
    "bash bat c cc cfg cpp cs css dart ex go gradle graphql h hpp ini java jl js jsx kt lua m mk php pl proto ps1 py "
    "pyi r rb rs scala sh sql svelte swift tf toml ts tsx vue xml yaml yml zig"
)
_OTHERS: dict[str, Kind] = {
    "md": "prose",
    "markdown": "prose",
    "txt": "prose",
    "rst": "rst",
    "html": "html",
    "htm": "html",
    "pdf": "pdf",
    "docx": "docx",
    "csv": "csv",
    "tsv": "csv",
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
}
_KINDS: dict[str, Kind] = {**dict.fromkeys(_CODE.split(), "code"), **_OTHERS}
_CODE_NAMES = frozenset({"dockerfile", "makefile", "justfile"})

SUFFIXES = tuple(f".{suffix}" for suffix in _KINDS)


def find_kind(name: str) -> Kind | None:
    """Tell what kind of document a file name means; None when such files are not read."""
    path = PurePosixPath(name.lower())
    return "code" if path.name in _CODE_NAMES else _KINDS.get(path.suffix.removeprefix("."))
