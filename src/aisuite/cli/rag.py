"""The commands about documents: index, search, ask, list, rm, watch, eval."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from aisuite.cli.evaluation import rag_eval
from aisuite.cli.options import Session, command

rag = typer.Typer(help="Documents that answers are drawn from.", rich_markup_mode=None, no_args_is_help=True)

_Folder = Annotated[Path, typer.Argument(help="A document, or a folder of them.")]
_Target = Annotated[
    str | None, typer.Option("--collection", "-c", help="Where to put them; the folder's name if not given.")
]
_Collection = Annotated[
    str | None, typer.Option("--collection", "-c", help="Where to look; not needed while there is only one.")
]
_Prune = Annotated[bool, typer.Option("--prune", help="Remove the collection's documents that are not there.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    rag.command("index")(rag_index)
    rag.command("search")(rag_search)
    rag.command("ask")(rag_ask)
    rag.command("list")(rag_list)
    rag.command("rm")(rag_rm)
    rag.command("watch")(rag_watch)
    rag.command("eval")(rag_eval)
    app.add_typer(rag, name="rag")


@command("rag.index")
def rag_index(session: Session, path: _Folder, collection: _Target = None, prune: _Prune = False) -> int:
    """Index documents; what has not changed since the last time costs nothing."""
    from aisuite.cli.doors import open_chat
    from aisuite.cli.progress import CountProgress
    from aisuite.cli.view import rag as view
    from aisuite.ops.index import IndexRequest, index

    request = IndexRequest(path, collection or path.resolve().stem, prune)
    with CountProgress(session.out, f"indexing {path}") as progress:
        report = index(request, session.deps(), open_chat(), progress)
    return session.out.show(view.index_json(report), view.index_text(report), report.exit_code)


@command("rag.search")
def rag_search(
    session: Session,
    query: Annotated[str, typer.Argument(help="What to look for.")],
    collection: _Collection = None,
    topk: Annotated[int | None, typer.Option("--top", min=1, max=50, help="How many chunks at most.")] = None,
    method: Annotated[str, typer.Option("--method", help="dense, sparse or hybrid.")] = "hybrid",
) -> int:
    """Find what would be read for a question; no model is asked."""
    from aisuite.cli.doors import open_chat
    from aisuite.cli.view import rag as view
    from aisuite.ops.rag_search import SearchRequest, find_method, search

    request = SearchRequest(query, collection, topk, find_method(method))
    report = search(request, session.deps(), open_chat())
    return session.out.show(view.search_json(report), view.search_text(report))


@command("rag.ask")
def rag_ask(
    session: Session,
    question: Annotated[str, typer.Argument(help="What you want to know; - reads it from standard input.")],
    collection: _Collection = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Public model name, for example code-7b.")] = None,
) -> int:
    """Ask one question and have it answered from documents, with sources."""
    from aisuite.cli.doors import open_chat
    from aisuite.cli.view import client as view
    from aisuite.ops.ask import AskRequest, ask
    from aisuite.ops.rag_suite import require_rag

    deps, chat = session.deps(), open_chat()
    text = sys.stdin.read() if question == "-" else question
    pieces = ask(AskRequest(text, model, require_rag(deps, chat).choose_collection(collection)), deps, chat)
    if session.out.json:
        return session.out.show(view.ask_json(pieces))
    return session.out.stream(view.ask_stream(pieces))


@command("rag.list")
def rag_list(
    session: Session,
    collection: Annotated[str | None, typer.Argument(help="List its documents; without it, all collections.")] = None,
) -> int:
    """List collections, or the documents of one."""
    from aisuite.cli.doors import open_chat
    from aisuite.cli.view import rag as view
    from aisuite.ops.rag_library import list_collections, list_documents

    deps, chat = session.deps(), open_chat()
    if collection is None:
        rows = list_collections(deps, chat)
        return session.out.show(view.collections_json(rows), view.collections_text(rows, session.out))
    documents = list_documents(collection, deps, chat)
    return session.out.show(view.documents_json(collection, documents), view.documents_text(documents, session.out))


@command("rag.rm")
def rag_rm(
    session: Session,
    collection: Annotated[str, typer.Argument(help="The collection.")],
    document: Annotated[str | None, typer.Argument(help="A document of it, by the id that `rag list` shows.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove the whole collection.")] = False,
) -> int:
    """Remove a document, or a whole collection; your files stay."""
    from aisuite.cli.doors import open_chat
    from aisuite.cli.view import rag as view
    from aisuite.ops.rag_library import remove

    report = remove(collection, document, session.deps(), open_chat(), everything=everything)
    return session.out.show(view.remove_json(report), view.remove_text(report))


@command("rag.watch")
def rag_watch(session: Session, path: _Folder, collection: _Target = None, prune: _Prune = False) -> int:
    """Index a folder and then whatever changes in it, until Ctrl-C; removed files are removed."""
    from aisuite.cli.doors import open_chat, watch_changes
    from aisuite.cli.progress import CountProgress
    from aisuite.cli.view import rag as view
    from aisuite.errors import UsageError
    from aisuite.ops.index import IndexRequest
    from aisuite.ops.rag_watch import watch_folder

    if session.out.json:
        raise UsageError("--json prints one object, so it cannot go on", f"aisuite rag index {path} --json")
    folder = path.resolve()
    request = IndexRequest(folder, collection or folder.stem, prune)
    with CountProgress(session.out, f"indexing {path}") as progress:
        reports = watch_folder(request, session.deps(), open_chat(), watch_changes(folder), progress)
        return session.out.follow((view.index_text(report) + "\n" for report in reports), endless=True)
