"""Reports for who uses the suite: answers, sources, model files."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aisuite.cli.view.table import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from aisuite.cli.output import Output
    from aisuite.ops.ask import Piece
    from aisuite.ops.models import ModelsReport


def ask_json(pieces: Iterable[Piece]) -> dict[str, Any]:
    """The whole answer at once."""
    found = list(pieces)
    model = next((piece.model for piece in found if piece.model), None)
    sources = next((piece.sources for piece in reversed(found) if piece.sources), ())
    return {"answer": "".join(piece.text for piece in found), "model": model, "sources": list(sources)}


def ask_stream(pieces: Iterable[Piece]) -> Iterator[str]:
    """The answer as it comes, then its sources."""
    sources: Sequence[dict[str, Any]] = ()
    for piece in pieces:
        sources = piece.sources or sources
        yield piece.text
    yield "\n"
    if sources:
        yield sources_text(sources) + "\n"


def sources_text(sources: Sequence[dict[str, Any]]) -> str:
    """Numbered sources, one a line."""
    lines = ["", "sources:"]
    for number, source in enumerate(sources, 1):
        title = f"  {source['title']}" if source.get("title") else ""
        lines.append(f"  [{source.get('n', number)}] {source.get('source')}{title}")
    return "\n".join(lines)


def models_json(report: ModelsReport) -> dict[str, Any]:
    """Every model file, and what was fetched now."""
    return {"models": [asdict(row) for row in report.models], "pulled": list(report.pulled)}


def models_text(report: ModelsReport, out: Output) -> str:
    """A table of model files."""
    rows = [("MODEL", "STATE", "SIZE", "FROM", "PATH")]
    for row in report.models:
        size = "-" if row.bytes is None else f"{row.bytes / 2**20:,.1f} MiB"
        rows.append((row.model, row.state, size, row.source, str(row.path)))
    return table(rows, out)
