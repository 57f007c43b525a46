"""`aisuite rag eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aisuite.cli.options import Session, command

_SET = Path("benchmarks/rag")


@command("rag.eval")
def rag_eval(
    session: Session,
    folder: Annotated[
        Path, typer.Option("--set", metavar="DIR", help="A folder with questions.jsonl and documents.")
    ] = _SET,
    collection: Annotated[
        str, typer.Option("--collection", "-c", help="Where its documents go; they stay there.")
    ] = "evaluation",
    answers: Annotated[
        bool, typer.Option("--answers", help="Have models answer, too, and judge what they cite.")
    ] = False,
    rerank: Annotated[
        bool, typer.Option("--rerank", help="Search with the profile's reranker, too: rows hybrid+rerank.")
    ] = False,
) -> int:
    """Ask questions with known answers, and tell how many of their documents are found."""
    from aisuite.cli.doors import open_chat
    from aisuite.cli.progress import CountProgress
    from aisuite.cli.view import evaluation as view
    from aisuite.ops.rag_eval import EvalRequest, evaluate

    with CountProgress(session.out, f"asking {folder}") as progress:
        report = evaluate(EvalRequest(folder, collection, answers, rerank), session.deps(), open_chat(), progress)
    return session.out.show(view.eval_json(report), view.eval_text(report, session.out))
