"""Reports of `evidence`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aisuite.cli.view.table import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aisuite.cli.output import Output
    from aisuite.ops.evidence_shelf import Kept, Shown


def list_json(kept: Iterable[Kept]) -> dict[str, Any]:
    """Every piece of evidence."""
    return {"evidence": [asdict(one) for one in kept]}


def list_text(kept: Sequence[Kept], out: Output) -> str:
    """A table, the newest first."""
    rows = [("ID", "COMMAND", "BEGAN", "OUTCOME", "FOUND")]
    rows += [(one.id, one.command, one.began, one.outcome, one.found or "-") for one in kept]
    return table(rows, out) if kept else "there is no evidence yet: aisuite failover-drill"


def show_json(shown: Shown) -> dict[str, Any]:
    """The report as it is kept, and its folder."""
    return {"id": shown.id, "folder": str(shown.folder), "report": shown.report}


def show_text(shown: Shown) -> str:
    """The report as it is kept, and its folder."""
    return f"{shown.text}\n{shown.folder}"
