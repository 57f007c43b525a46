"""`aisuite rag watch`: a collection follows a folder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aisuite.errors import UsageError
from aisuite.ops.index import index, remove_documents, send_files
from aisuite.ops.rag_files import SUFFIXES, find_files
from aisuite.ops.rag_library import read_documents
from aisuite.ops.rag_suite import require_rag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from aisuite.ops.index import IndexReport, IndexRequest
    from aisuite.ops.rag_suite import RagSuite
    from aisuite.ports import Chat, Deps


def watch_folder(
    request: IndexRequest,
    deps: Deps,
    chat: Chat,
    changes: Iterable[frozenset[Path]],
    progress: Callable[[int, int], None],
) -> Iterator[IndexReport]:
    """Index a folder, then whatever is told to have changed in it; yield what each time came of it.

    Raises UsageError, NotRunning, StepFailed.
    """
    if not request.path.is_dir():
        raise UsageError(f"{request.path} is not a folder", f"aisuite rag index {request.path}")
    rag = require_rag(deps, chat)
    yield index(request, deps, chat, progress)
    for changed in changes:
        report = _follow(request, changed, rag, progress)
        if report is not None:
            yield report


def _follow(
    request: IndexRequest, changed: frozenset[Path], rag: RagSuite, progress: Callable[[int, int], None]
) -> IndexReport | None:
    """Send what has changed, and remove what is gone; None when it was nothing of ours."""
    files = find_files(request.path, only=changed)
    missing = {path.relative_to(request.path).as_posix() for path in changed if not path.exists()}
    gone = _indexed_below(missing, request.collection, rag) if missing else []
    if not files.paths and not gone:
        return None
    report = send_files(files, request.collection, rag, progress)
    return replace(report, removed=remove_documents(gone, request.collection, rag))


def _indexed_below(missing: set[str], collection: str, rag: RagSuite) -> list[str]:
    """Return the documents that were those files, or lay in those folders."""
    folders = tuple(f"{name}/" for name in missing if not name.endswith(tuple(SUFFIXES)))
    known = [one.id for one in read_documents(rag, collection)]
    return [name for name in known if name in missing or (folders and name.startswith(folders))]
