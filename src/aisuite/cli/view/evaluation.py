"""How well questions find their documents."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aisuite.cli.view.table import table

if TYPE_CHECKING:
    from aisuite.cli.output import Output
    from aisuite.ops.rag_eval import EvalReport, EvalRow

_HEAD = ("METHOD", "LANGUAGE", "KIND", "QUESTIONS", "RECALL@1", "RECALL@5", "MRR", "NDCG@10", "PASSAGE@5", "REFUSED")
_CITED = ("CITED", "CITATIONS")


def eval_json(report: EvalReport) -> dict[str, Any]:
    """The set, and a flat object for each row."""
    rows = [
        {"method": row.method, "language": row.language, "kind": row.kind, **asdict(row.scores)} for row in report.rows
    ]
    return {
        "set": report.folder,
        "collection": report.collection,
        "documents": report.documents,
        "questions": report.questions,
        "model": report.model,
        "rows": rows,
        "refused": {method: list(ids) for method, ids in report.refused.items()},
    }


def eval_text(report: EvalReport, out: Output) -> str:
    """A table by method, language and kind; columns of answers only where answers were judged."""
    answered = any(row.scores.cited is not None for row in report.rows)
    rows = [_HEAD + (_CITED if answered else ())]
    rows += [_cells(row, answered=answered) for row in report.rows]
    first = f"{report.folder}: {report.documents} documents, {report.questions} questions, embedded by {report.model}"
    return f"{first}\n\n{table(rows, out)}"


def _cells(row: EvalRow, *, answered: bool) -> tuple[str, ...]:
    scores = row.scores
    shares = [scores.recall_1, scores.recall_5, scores.mrr, scores.ndcg_10, scores.passages, scores.refused]
    if answered:
        shares += [scores.cited, scores.citations]
    return (row.method, row.language, row.kind, str(scores.questions), *map(_share, shares))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
