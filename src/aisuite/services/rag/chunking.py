"""A document cut into chunks that a model can take in, along its structure.

The law: every character that is not blank is in a chunk, each chunk is a verbatim slice of the text, and no chunk
is longer than asked. A section that fits is one chunk. One that does not is filled block by block; a block is cut
only when it does not fit alone: at sentence ends, then lines, then words, then anywhere. Chunks of one section
overlap, so that a thought that crosses a cut can be found from both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from aisuite.services.rag.structure import (
    PROGRAM_CUTS,
    PROSE_CUTS,
    Block,
    Cuts,
    Section,
    Titles,
    cut_points,
    find_blocks,
    find_sections,
)
from aisuite.services.rag.tokens import estimate_tokens

_WINDOW = 2**20


class Chunk(NamedTuple):
    """The slice `start:end` of a document, and the headings it stands under, outermost first."""

    start: int
    end: int
    text: str
    titles: tuple[str, ...]


class _Span(NamedTuple):
    start: int
    end: int


def split_text(text: str, size: int, overlap: int, *, program: bool = False) -> Iterator[Chunk]:
    """Cut a text into chunks of at most `size` estimated tokens, of which `overlap` may repeat the one before.

    In a program no line is a heading, and it is cut where its outermost parts begin.
    """
    headings: Titles = ()
    for start, end in _windows(text):
        sections = [Section(start, end, ())] if program else find_sections(text, start, end, headings)
        for section in sections:
            blocks = [Block(start, end, PROGRAM_CUTS)] if program else None
            for span in _divide_section(text, section, blocks, (size, overlap)):
                if (chunk := _trimmed(text, span, section.titles)).text:
                    yield chunk
        headings = sections[-1].headings if sections else headings


def _windows(text: str) -> Iterator[_Span]:
    """Divide a huge text at the ends of paragraphs, so that what is remembered of its structure stays small."""
    start = 0
    while len(text) - start > _WINDOW:
        ends = (text.rfind(mark, start + _WINDOW // 2, start + _WINDOW) for mark in ("\n\n", "\n", " "))
        end = next((found + 1 for found in ends if found >= 0), start + _WINDOW)
        yield _Span(start, end)
        start = end
    yield _Span(start, len(text))


def _divide_section(
    text: str, section: Section, blocks: list[Block] | None, limits: tuple[int, int]
) -> Iterator[_Span]:
    size, overlap = limits
    if _tokens(text, _Span(section.start, section.end)) <= size:
        yield _Span(section.start, section.end)
        return
    room = size - overlap
    atoms = [
        atom
        for block in blocks or find_blocks(text, section)
        for atom in _divide(text, _Span(block.start, block.end), room, block.cuts)
    ]
    before: _Span | None = None
    for span in _pack(text, atoms, size, room):
        yield _Span(_overlapping_start(text, before, span.start, overlap), span.end)
        before = span


def _divide(text: str, span: _Span, room: int, cuts: Cuts) -> Iterator[_Span]:
    if _tokens(text, span) <= room:
        yield span
    elif not cuts:
        width = max(1, room // 2)  # no character is estimated at more than two tokens
        yield from (_Span(at, min(at + width, span.end)) for at in range(span.start, span.end, width))
    else:
        for part in _parts(span, cut_points(text, span.start, span.end, cuts[0])):
            yield from _divide(text, part, room, cuts[1:])


def _pack(text: str, atoms: list[_Span], first_room: int, room: int) -> Iterator[_Span]:
    """Join neighbours while they fit; the first chunk repeats nothing, so it may hold more."""
    start, used, limit = atoms[0].start, 0, first_room
    for atom in atoms:
        tokens = _tokens(text, atom)
        if used and used + tokens > limit:
            yield _Span(start, atom.start)
            start, used, limit = atom.start, 0, room
        used += tokens
    yield _Span(start, atoms[-1].end)


def _overlapping_start(text: str, before: _Span | None, start: int, overlap: int) -> int:
    """Move a start back to the farthest good cut in the chunk before it that `overlap` tokens reach."""
    if before is None:
        return start
    for cut in PROSE_CUTS:
        reached, used = start, 0
        for part in reversed(_parts(before, cut_points(text, *before, cut))):
            used += _tokens(text, part)
            if used > overlap:
                break
            reached = part.start
        if reached < start:
            return reached
    return start


def _parts(span: _Span, points: list[int]) -> list[_Span]:
    edges = [span.start, *points, span.end]
    return [_Span(start, end) for start, end in pairwise(edges)]


def _tokens(text: str, span: _Span) -> int:
    return estimate_tokens(text[span.start : span.end])


def _trimmed(text: str, span: _Span, titles: tuple[str, ...]) -> Chunk:
    """Leave off blank lines before and blanks after; the indentation of the first line stays."""
    body = text[span.start : span.end]
    end = span.start + len(body.rstrip())
    indented = body[: len(body) - len(body.lstrip())]
    start = min(span.start + indented.rfind("\n") + 1, end)
    return Chunk(start, end, text[start:end], titles)
