"""How an evaluation is shown."""

from __future__ import annotations

from dataclasses import replace

from aisuite.cli.output import Output
from aisuite.cli.view.evaluation import eval_json, eval_text
from aisuite.ops.rag_eval import EvalReport, EvalRow
from aisuite.ops.rag_metrics import Scores

SCORES = Scores(8, 0.5, 1.0, 0.75, 0.8155, 0.25, 0.0, None, None)
ROWS = (EvalRow("dense", "ko", "paraphrase", SCORES),)
REPORT = EvalReport("benchmarks/rag", "evaluation", 60, 8, ROWS, {"dense": ("ko-1",)}, "hash-384")


def _words(report: EvalReport) -> list[list[str]]:
    return [line.split() for line in eval_text(report, Output("rag.eval")).splitlines()]


def test_a_row_is_a_line_with_three_decimals() -> None:
    first, _, head, row = _words(REPORT)
    assert first == ["benchmarks/rag:", "60", "documents,", "8", "questions,", "embedded", "by", "hash-384"]
    assert head[-1] == "REFUSED"
    assert row == ["dense", "ko", "paraphrase", "8", "0.500", "1.000", "0.750", "0.816", "0.250", "0.000"]


def test_citations_are_shown_where_answers_were_judged() -> None:
    judged = replace(SCORES, cited=0.5, citations=None)
    rows = _words(replace(REPORT, rows=(replace(REPORT.rows[0], scores=judged),)))
    assert rows[2][-2:] == ["CITED", "CITATIONS"]
    assert rows[3][-2:] == ["0.500", "-"]


def test_json_has_a_flat_object_for_each_row() -> None:
    row = eval_json(REPORT)["rows"][0]
    assert (row["method"], row["language"], row["kind"], row["recall_5"]) == ("dense", "ko", "paraphrase", 1.0)
    assert row["citations"] is None
    assert eval_json(REPORT)["refused"] == {"dense": ["ko-1"]}
