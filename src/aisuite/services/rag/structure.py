"""What a text is made of: sections under headings, blocks in a section, and the places where it may be cut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*)", re.DOTALL)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)", re.DOTALL)

# Possessive and looking behind, so that a long run of dots is read once and not once per dot.
_SENTENCE_END = re.compile(
    r"""(?<![.!?…])[.!?…]++["'”’)\]»]*+\s+"""  # the blank belongs to the sentence before it
    r"""|[。！？]+["'”’)\]」』]*\s*"""
    r"""|(?<=[가-힣])[.!?](?=[가-힣])"""  # "했습니다.그리고": Korean is often typed without the blank
)
_LINE_END = re.compile(r"\n")
_WORD_END = re.compile(r"\s+")
_OUTERMOST = re.compile(r"\n[ \t]*\n(?=[^\s)\]}])")  # what begins at the margin after a blank line
_LINES = re.compile(r"[^\n]*\n|[^\n]+")

Cuts = tuple[re.Pattern[str], ...]
PROSE_CUTS: Cuts = (_SENTENCE_END, _LINE_END, _WORD_END)
CODE_CUTS: Cuts = (_LINE_END, _WORD_END)
PROGRAM_CUTS: Cuts = (_OUTERMOST, *CODE_CUTS)

Titles = tuple[tuple[int, str], ...]  # levels and headings, outermost first


class Section(NamedTuple):
    """A heading with what follows it, and the headings it stands under, outermost first."""

    start: int
    end: int
    headings: Titles

    @property
    def titles(self) -> tuple[str, ...]:
        """The headings alone."""
        return tuple(title for _, title in self.headings)


class Block(NamedTuple):
    """A paragraph, list, table or code block with the blank lines after it, and where to cut it, best first."""

    start: int
    end: int
    cuts: Cuts


class _Line(NamedTuple):
    start: int
    end: int
    text: str
    in_code: bool
    closes_code: bool

    @property
    def blank(self) -> bool:
        return not self.in_code and not self.text.strip()


def find_sections(text: str, start: int = 0, end: int | None = None, above: Titles = ()) -> list[Section]:
    """Divide a text, or a part of it under some headings, at its Markdown headings.

    A heading with nothing under it joins the section after it.
    """
    sections: list[Section] = []
    titles = list(above)
    until, has_body = len(text) if end is None else end, False
    for line in _lines(text, start, until):
        heading = None if line.in_code else _HEADING.match(line.text)
        if heading is None:
            has_body = has_body or not line.blank
            continue
        if has_body:
            sections.append(Section(start, line.start, tuple(titles)))
            start, has_body = line.start, False
        level = len(heading[1])
        titles = [*(outer for outer in titles if outer[0] < level), (level, _clean_title(heading[2]))]
    if start < until:
        sections.append(Section(start, until, tuple(titles)))
    return sections


def find_first_heading(text: str) -> str | None:
    """Find the first Markdown heading of a text."""
    for line in _lines(text, 0, len(text)):
        if not line.in_code and (heading := _HEADING.match(line.text)):
            return _clean_title(heading[2])
    return None


def find_blocks(text: str, section: Section) -> list[Block]:
    """Divide a section into its blocks, which together are the whole section."""
    lines = list(_lines(text, section.start, section.end))
    firsts = [lines[0], *(line for before, line in pairwise(lines) if _begins_block(before, line))]
    starts = [line.start for line in firsts]
    return [
        Block(start, end, CODE_CUTS if line.in_code else PROSE_CUTS)
        for line, (start, end) in zip(firsts, pairwise([*starts, section.end]), strict=True)
    ]


def cut_points(text: str, start: int, end: int, cut: re.Pattern[str]) -> list[int]:
    """List the positions strictly inside a span at which it may be cut, in order."""
    return [match.end() for match in cut.finditer(text, start, end) if start < match.end() < end]


def _begins_block(before: _Line, line: _Line) -> bool:
    return not line.blank and (before.blank or before.closes_code or before.in_code != line.in_code)


def _clean_title(rest_of_line: str) -> str:
    title = rest_of_line.strip()
    without_closing = title.rstrip("#")
    return without_closing.rstrip() if without_closing.endswith((" ", "\t")) else title


def _lines(text: str, start: int, end: int) -> Iterator[_Line]:
    fence = ""
    for found in _LINES.finditer(text, start, end):
        line = found[0]
        mark = _FENCE.match(line)
        opens = mark is not None and not fence and "`" not in mark[2]
        closes = mark is not None and fence != "" and mark[1].startswith(fence) and not mark[2].strip()
        yield _Line(found.start(), found.end(), line, bool(fence) or opens, closes)
        if mark is not None and opens:
            fence = mark[1]
        elif closes:
            fence = ""
