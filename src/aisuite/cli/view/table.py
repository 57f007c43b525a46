"""Aligned columns."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.cli.output import Output


_GREEN, _RED, _YELLOW = "32", "31;1", "33"
_PAINT = {
    **dict.fromkeys(("healthy", "running", "ended", "pass"), _GREEN),
    **dict.fromkeys(("unhealthy", "silent", "exited", "failed", "fail", "absent", "down"), _RED),
    **dict.fromkeys(("starting", "restarting", "paused", "orphaned", "degraded", "killed", "interrupted"), _YELLOW),
}


def table(rows: Sequence[tuple[str, ...]], out: Output) -> str:
    """Align columns; a terminal also gets colour for the words that matter."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    colors = out.colors(sys.stdout)
    lines = []
    for row in rows:
        cells = [_painted(cell, cell.ljust(width), colors) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _painted(word: str, padded: str, colors: bool) -> str:
    code = _PAINT.get(word)
    return f"\033[{code}m{padded}\033[0m" if colors and code else padded
