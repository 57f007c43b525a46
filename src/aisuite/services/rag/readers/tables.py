"""Tables and trees of values, one line for each row or value, so that a line found alone explains itself."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from io import StringIO

_SNIFFED = 8192
_DELIMITERS = ",;\t|"
_FIELD_CHARS = 10_000_000  # the default of 128 KiB is less than a cell may hold


def csv_text(text: str) -> str:
    """Write each row as `column: value; column: value`, by the names in the first row."""
    csv.field_size_limit(_FIELD_CHARS)
    rows = csv.reader(StringIO(text), _dialect(text))
    names = [name.strip() for name in next(rows, [])]
    lines = (_row(names, row) for row in rows)
    return "\n".join(line for line in lines if line) or "; ".join(name for name in names if name)


def json_text(text: str) -> str:
    """Write each value as `path: value`; what is no JSON, or too deep, stays as it is."""
    try:
        return "\n".join(_lines("", json.loads(text)))
    except RecursionError:
        return text
    except ValueError:
        return _json_lines(text)


def _json_lines(text: str) -> str:
    try:
        values = [json.loads(line) for line in text.splitlines() if line.strip()]
        return "\n\n".join("\n".join(_lines("", value)) for value in values)
    except (ValueError, RecursionError):
        return text


def _dialect(text: str) -> type[csv.Dialect]:
    try:
        return csv.Sniffer().sniff(text[:_SNIFFED], _DELIMITERS)
    except csv.Error:
        return csv.excel


def _row(names: list[str], row: list[str]) -> str:
    values = [value.strip() for value in row]
    named = [f"{names[at]}: {value}" if at < len(names) and names[at] else value for at, value in enumerate(values)]
    return "; ".join(pair for pair, value in zip(named, values, strict=True) if value)


def _lines(path: str, value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(f"{path}.{key}" if path else str(key), inner)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _lines(f"{path}[{at}]", inner)
    else:
        shown = value if isinstance(value, str) else json.dumps(value)
        yield f"{path}: {shown}" if path else str(shown)
