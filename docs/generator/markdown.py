"""Pieces of Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


# At the end: a page that is indexed for RAG begins with what it is about.
_FOOT = "<!-- Written by docs/generate.py from the code. Change the code, then run: make docs -->"


def page(*parts: str) -> str:
    """Make a whole page of blocks."""
    return section(*parts, _FOOT) + "\n"


def section(*parts: str) -> str:
    """Join blocks with an empty line between, leaving out empty ones."""
    return "\n\n".join(part for part in parts if part)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Make a table; cells are Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def code(value: object) -> str:
    """Set a value as code; nothing stays nothing."""
    text = "" if value is None else str(value)
    return f"`{text}`" if text else ""


def one_line(text: str | None) -> str:
    """Undo the line breaks of a docstring."""
    return " ".join((text or "").split())


def _cell(text: str) -> str:
    # Between backticks everything is literal; elsewhere <word> would be taken for HTML.
    pieces = text.replace("|", "\\|").split("`")
    pieces[::2] = [piece.replace("<", "&lt;") for piece in pieces[::2]]
    return "`".join(pieces)
