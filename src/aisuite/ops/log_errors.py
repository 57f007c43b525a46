"""Errors in the logs of services, whoever writes them. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_SHOWN = 160  # characters
_LEVELS = frozenset({"error", "critical", "fatal"})
_KEYS = re.compile(r"sk-[\w.-]+")


@dataclass(frozen=True, slots=True)
class LogErrors:
    """Lines of a log that its writer calls errors; `last` is one line, cut, without keys."""

    count: int = 0
    last: str = ""


def find_errors(lines: Iterable[str], secrets: Collection[str] = ()) -> LogErrors:
    """Count the errors in JSON logs and in those of llama.cpp, Qdrant and uvicorn, and the tracebacks of Python."""
    count, last = 0, ""
    for line in lines:
        words = _error_in(line)
        if words:
            count, last = count + 1, words
    for secret in secrets:
        last = last.replace(secret, "…") if secret else last
    return LogErrors(count, _KEYS.sub("sk-…", " ".join(last.split()))[:_SHOWN])


def _error_in(line: str) -> str:
    """Return the words of an error; empty for any other line."""
    if line.startswith("{"):
        return _json_error(line)
    # llama.cpp: "0.01.234.567 E srv ..."; Qdrant: "2026-01-01T00:00:00Z ERROR qdrant ..."; uvicorn: "ERROR:  ...".
    words = line.split(maxsplit=2)
    marked = words[:1] == ["ERROR:"] or (len(words) > 1 and words[1] in {"E", "ERROR"})
    return line if marked or line.startswith("Traceback (most recent call last)") else ""


def _json_error(line: str) -> str:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    is_error = isinstance(entry, dict) and str(entry.get("level")).lower() in _LEVELS
    return str(entry.get("message") or line) if is_error else ""
