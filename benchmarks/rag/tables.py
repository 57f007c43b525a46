"""Ask the evaluation set of the running suite, and write the figures into the README beside this file.

.venv/bin/python benchmarks/rag/tables.py                    # --project NAME, --rerank
.venv/bin/python benchmarks/rag/tables.py --from eval.json   # what `aisuite rag eval --json` printed
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BEGIN, END = "<!-- figures of {} -->\n", "<!-- end of figures -->\n"
FIGURES = ("recall_1", "recall_5", "mrr", "ndcg_10", "passages", "refused")
HEAD = ("kind", "language", "method", "recall@1", "recall@5", "MRR", "nDCG@10", "passage@5", "refused")
KINDS = ("shares-words", "two-documents", "paraphrase", "unanswerable")
HALVES = ("even, not seen", "odd, tuned on")


def main() -> int:
    """Write the tables, and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="file", type=Path)
    parser.add_argument("--project", default="aisuite")
    parser.add_argument("--rerank", action="store_true")
    asked = parser.parse_args()
    found = json.loads(asked.file.read_text(encoding="utf-8") if asked.file else _ask(asked.project, asked.rerank))
    written = f"{_figures(found)}\n{_refusals(found)}"
    readme = HERE / "README.md"
    readme.write_text(put_in(readme.read_text(encoding="utf-8"), found["model"], written), encoding="utf-8")
    sys.stdout.write(written)
    return 0


def put_in(page: str, model: str, figures: str) -> str:
    """Return the page with the figures of an embedding model in their place; a new model gets a section at the end."""
    begin = BEGIN.format(model)
    if begin not in page:
        page += f"\n## What `{model}` reaches\n\n{begin}{END}"
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{figures}\n{END}{rest.partition(END)[2]}"


def _ask(project: str, rerank: bool) -> str:  # noqa: FBT001  a flag of the command line, handed on
    command = ["-m", "aisuite", "rag", "eval", "--set", str(HERE), "--project", project, "--json"]
    command += ["--rerank"] if rerank else []
    return subprocess.run([sys.executable, *command], check=True, stdout=subprocess.PIPE, text=True).stdout


def _figures(found: dict[str, Any]) -> str:
    rows = [row for row in found["rows"] if row["kind"] in KINDS and row["language"] != "all"]
    rows.sort(key=lambda row: (KINDS.index(row["kind"]), row["language"]))
    return _table(
        HEAD, [[row["kind"], row["language"], row["method"], *(_share(row[one]) for one in FIGURES)] for row in rows]
    )


def _refusals(found: dict[str, Any]) -> str:
    """Compare the half of the questions that the threshold was tuned on to the other half."""
    lines = (HERE / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line) for line in lines if line.strip()]
    rows = []
    for method, refused in found["refused"].items():
        for half, name in enumerate(HALVES):
            members = [one for one in questions if int(one["id"].rsplit("-", 1)[1]) % 2 == half]
            counts = [_count(members, kind, set(refused)) for kind in KINDS]
            rows.append([method, name, *counts])
    return _table(("method", "questions with a number that is", *(f"refused: {kind}" for kind in KINDS)), rows)


def _count(questions: list[dict[str, Any]], kind: str, refused: set[str]) -> str:
    members = [one["id"] for one in questions if one["kind"] == kind]
    return f"{len(refused & set(members))} of {len(members)}"


def _table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    raise SystemExit(main())
