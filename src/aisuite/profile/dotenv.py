"""Read and write `.env` files: NAME=VALUE lines as Docker Compose reads them, but `$` is only a dollar sign.

Quoted values may hold `#`, and may go over several lines. Without quotes a `#` after a space starts a comment.
Escapes are \\n, \\r, \\t, \\", \\$ and \\\\ in double quotes, and only \\' in single ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.errors import Problem
from aisuite.profile.keypath import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_EXPORT = re.compile(r"^export[ \t]+")
_NOTHING = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_COMMENT = re.compile(r"[ \t]#.*")
_QUOTED = {
    '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL),
    "'": re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL),
}
_DOUBLE_ESCAPE = re.compile(r'\\([nrt"$\\])')
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_WRITTEN = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "$": "\\$", "\\": "\\\\"}
_BARE_VALUE = re.compile(r"[A-Za-z0-9_./:@%+,-]*")


@dataclass(frozen=True, slots=True)
class Assignment:
    """One NAME=VALUE and the line it starts in."""

    name: str
    value: str
    line: int


def parse_dotenv(text: str, source: str) -> tuple[tuple[Assignment, ...], tuple[Problem, ...]]:
    """Read every assignment that can be read, and say what is wrong with the others."""
    text = text.replace("\r\n", "\n")
    found: dict[str, Assignment] = {}
    problems: list[Problem] = []
    position, line = 0, 1
    while position < len(text):
        start = position
        blank = _NOTHING.match(text, position)
        try:
            if blank:
                position = blank.end()
                continue
            name, value, position = _assignment(text, position)
        except _Wrong as wrong:
            problems.append(Problem(source, line, wrong.name, str(wrong)))
            position = _end_of_line(text, start)
        else:
            if name in found:
                problems.append(Problem(source, line, name, f"is set twice; the first is in line {found[name].line}"))
            found.setdefault(name, Assignment(name, value, line))
        finally:
            line += text.count("\n", start, position)
    return tuple(found.values()), tuple(problems)


def format_dotenv(values: Mapping[str, str]) -> str:
    """Write assignments so that `parse_dotenv` and Docker Compose read the same values back."""
    return "".join(f"{name}={_written(value)}\n" for name, value in values.items())


class _Wrong(ValueError):
    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


def _assignment(text: str, position: int) -> tuple[str, str, int]:
    end = _end_of_line(text, position)
    equals = text.find("=", position, end)
    if equals < 0:
        raise _Wrong(f"{shown(text[position:end].strip())} is not NAME=VALUE")
    name = _EXPORT.sub("", text[position:equals].strip(" \t"))
    if not _NAME.fullmatch(name):
        raise _Wrong(f"{shown(name)} is not the name of a variable")
    value = text[equals + 1 : end]
    quote = value.lstrip(" \t")[:1]
    if quote not in _QUOTED:
        return name, _COMMENT.sub("", value).strip(), end
    quoted = _QUOTED[quote].match(text, text.index(quote, equals))
    if quoted is None:
        raise _Wrong(f"the quote {quote} is not closed", name)
    rest = _NOTHING.match(text, quoted.end())
    if rest is None:
        raise _Wrong("only a comment may follow the closing quote", name)
    return name, _unescaped(quoted[1], quote), rest.end()


def _unescaped(text: str, quote: str) -> str:
    if quote == "'":
        return text.replace("\\'", "'")
    return _DOUBLE_ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), text)


def _written(value: str) -> str:
    if _BARE_VALUE.fullmatch(value):
        return value
    return '"' + "".join(_WRITTEN.get(char, char) for char in value) + '"'


def _end_of_line(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end + 1
