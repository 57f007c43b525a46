"""`aisuite rag index`: give a file or a folder of documents to the RAG service."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aisuite.errors import UsageError
from aisuite.ops.rag_files import find_files
from aisuite.ops.rag_library import read_documents
from aisuite.ops.rag_suite import collection_path, require_rag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aisuite.ops.rag_files import FileSet
    from aisuite.ops.rag_suite import RagSuite
    from aisuite.ports import Chat, Deps

_TIMEOUT = 300.0
_UNFINISHED = ("queued", "running", "waiting")
_COUNTED = ("documents", "chunks", "unchanged", "replaced")


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """What goes where. `prune` removes the documents of the collection that are not below the path."""

    path: Path
    collection: str
    prune: bool = False


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What the service counted, summed over all requests; `skipped` are files that were not taken, and why."""

    collection: str
    documents: int
    chunks: int
    unchanged: int
    replaced: int
    skipped: tuple[tuple[str, str], ...]
    removed: int = 0
    exit_code: int = 0


def index(request: IndexRequest, deps: Deps, chat: Chat, progress: Callable[[int, int], None]) -> IndexReport:
    """Send every document below a path to a collection; unchanged ones cost nothing.

    `progress` is told documents done and documents in all, as the service counts them.
    Raises UsageError, NotRunning, StepFailed.
    """
    rag = require_rag(deps, chat)
    files = find_files(request.path)
    report = send_files(files, request.collection, rag, progress)
    if len(report.skipped) == len(files.paths):
        why = "".join(f"; {source}: {reason}" for source, reason in report.skipped[:1])
        raise UsageError(
            f"{request.path} holds no document that can be read{why}", "aisuite rag index docs --collection docs"
        )
    if not request.prune:
        return report
    gone = [one.id for one in read_documents(rag, request.collection) if one.id not in files.names]
    return replace(report, removed=remove_documents(gone, request.collection, rag))


def send_files(files: FileSet, collection: str, rag: RagSuite, progress: Callable[[int, int], None]) -> IndexReport:
    """Send documents in groups, one group in memory at a time. Raises NotRunning, StepFailed."""
    counts = dict.fromkeys(_COUNTED, 0)
    refused: list[tuple[str, str]] = []
    total, sent = len(files.paths), 0
    for group in files.groups():
        progress(sent, total)
        job: dict[str, Any] = {}
        for job in _index_group(group, collection, rag):
            progress(sent + int(job.get("documents", 0)) + len(job.get("skipped", ())), total)
        for name in counts:
            counts[name] += int(job.get(name, 0))
        refused += [(str(one["source"]), str(one["reason"])) for one in job.get("skipped", ())]
        sent += len(group)
    progress(total, total)
    return IndexReport(collection, skipped=tuple(files.unread + refused), **counts)


def _index_group(group: list[tuple[str, bytes]], collection: str, rag: RagSuite) -> Iterator[dict[str, Any]]:
    """Have documents indexed, and yield how far that is, last of all its end."""
    job = rag.upload(collection, group, _TIMEOUT)
    yield job
    if job.get("state") in _UNFINISHED:
        yield from rag.follow_job(str(job["job"]), _TIMEOUT)


def remove_documents(names: list[str], collection: str, rag: RagSuite) -> int:
    """Remove documents from a collection and count them. Raises NotRunning, StepFailed."""
    for name in names:
        rag.delete(collection_path(collection, name))
    return len(names)
