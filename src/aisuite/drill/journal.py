"""What must be undone, as it lies in the project folder while a fault lasts."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aisuite.drill.model import Action, StubMode, Undo

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCHEMA = "aisuite.drill-journal/1"


def format_journal(entries: Iterable[Undo]) -> str:
    """Write entries, in the order in which they are to be done."""
    return json.dumps({"schema": _SCHEMA, "done": [asdict(entry) for entry in entries]}, indent=2) + "\n"


def parse_journal(text: str) -> tuple[Undo, ...]:
    """Read what `format_journal` wrote. Raises ValueError."""
    content = json.loads(text)
    if not isinstance(content, dict) or content.get("schema") != _SCHEMA or not isinstance(content.get("done"), list):
        raise ValueError(f"it is no {_SCHEMA}")
    return tuple(_parse_entry(entry) for entry in content["done"])


def _parse_entry(entry: Any) -> Undo:
    if not isinstance(entry, dict):
        raise ValueError(f"{entry!r} is no entry")  # noqa: TRY004  one kind of error for whatever is wrong
    fault, service, mode = entry.get("fault"), entry.get("service"), entry.get("mode")
    action = str(entry.get("action"))
    if not isinstance(fault, str) or not isinstance(service, str) or not service:
        raise ValueError(f"{entry!r} names no fault or no service")
    return Undo(fault, Action(action), service, None if mode is None else StubMode(mode))
