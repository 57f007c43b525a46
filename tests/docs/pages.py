"""The project's Markdown pages, read the way the tests need them."""

from __future__ import annotations

import re
import shlex
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|(?:src|href|srcset)=\"([^\"]+)\"")
_INNER = re.compile(r"\$\((aisuite [^()]*)\)")
_OPERATORS = frozenset("();<>|&")


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    language: str
    text: str


def find_pages() -> list[Path]:
    """Return every page that is tracked, or will be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return sorted(ROOT / name for name in listed if name and (ROOT / name).is_file())


def find_blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    for _, language, text in _FENCE.findall(page.read_text(encoding="utf-8")):
        yield Block(language, textwrap.dedent(text))


def find_links(page: Path) -> list[str]:
    """Return what a page links to, outside of fenced blocks."""
    prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return [first or second for first, second in _LINK.findall(prose)]


def find_anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(prose)}


def find_commands(page: Path) -> list[list[str]]:
    """Return every call of aisuite in the shell blocks of a page, as words without the program's name."""
    lines = (line for block in find_blocks(page) if block.language in {"bash", "console"} for line in _lines(block))
    return [call[1:] for line in lines for call in _calls(line) if call[:1] == ["aisuite"]]


def _lines(block: Block) -> Iterator[str]:
    """Yield what a person types: all of a bash block, of a console block what follows the prompt."""
    for line in block.text.replace("\\\n", " ").splitlines():
        if block.language == "bash":
            yield line
        elif line.startswith("$ "):
            yield line.removeprefix("$ ")


def _calls(line: str) -> Iterator[list[str]]:
    for inner in _INNER.findall(line):
        yield from _calls(inner)
    words = shlex.shlex(_INNER.sub("", line), posix=True, punctuation_chars=True)
    words.whitespace_split = True
    call: list[str] = []
    for word in words:
        if set(word) <= _OPERATORS:
            yield _without_variables(call)
            call = []
        else:
            call.append(word)
    yield _without_variables(call)


def _without_variables(call: list[str]) -> list[str]:
    while call and re.match(r"\w+=", call[0]):
        call = call[1:]
    return call
