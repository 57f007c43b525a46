"""`aisuite rag index`: give a file or a folder of documents to the RAG service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aisuite.errors import NotRunning, UsageError
from aisuite.ops.record import require_record
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aisuite.ports import Chat, Deps

_SUFFIXES = frozenset({".md", ".txt"})
_LARGEST = 4 * 2**20  # bytes of one document
_BATCH = 16  # documents in one request
_TIMEOUT = 300.0


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What the service counted, summed over all requests; `skipped` are files that were not taken, and why."""

    collection: str
    documents: int
    chunks: int
    unchanged: int
    replaced: int
    skipped: tuple[tuple[str, str], ...]
    exit_code: int = 0


def index(path: Path, collection: str, deps: Deps, chat: Chat, progress: Callable[[int, int], None]) -> IndexReport:
    """Send every .md and .txt file below `path` to the collection; unchanged ones cost nothing.

    `progress` is told documents done and documents in all. Raises UsageError, NotRunning, StepFailed.
    """
    url = require_record(deps.workdir).require(Role.RAG).url + "/index"
    key = deps.workdir.read("secrets/service_key")
    if key is None:
        raise NotRunning(f"the key service_key is missing in {deps.workdir.folder}", "aisuite up --phase 2")
    documents, skipped = _read_documents(path)
    counts = dict.fromkeys(("documents", "chunks", "unchanged", "replaced"), 0)
    for start in range(0, len(documents), _BATCH):
        progress(start, len(documents))
        body = {"collection": collection, "documents": documents[start : start + _BATCH]}
        answer = chat.post(url, key.strip(), body, _TIMEOUT)
        for name in counts:
            counts[name] += int(answer.get(name, 0))
        skipped += [(str(one["source"]), str(one["reason"])) for one in answer.get("skipped", ())]
    progress(len(documents), len(documents))
    return IndexReport(collection, skipped=tuple(skipped), **counts)


def _read_documents(path: Path) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    if not path.exists():
        raise UsageError(f"{path} does not exist", f"ls {path.parent}")
    documents: list[dict[str, Any]] = []
    skipped: list[tuple[str, str]] = []
    root = path if path.is_dir() else path.parent
    for file in _find_files(path):
        name = file.relative_to(root).as_posix()
        if file.stat().st_size > _LARGEST:
            skipped.append((name, f"larger than {_LARGEST // 2**20} MiB"))
            continue
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (UnicodeDecodeError, OSError) as err:
            skipped.append((name, "not UTF-8 text" if isinstance(err, UnicodeDecodeError) else str(err)))
            continue
        if text.strip():
            documents.append({"id": name, "source": name, "text": text})
        else:
            skipped.append((name, "empty"))
    if not documents:
        raise UsageError(f"{path} holds no .md or .txt document with text", "aisuite rag index docs --collection docs")
    return documents, skipped


def _find_files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for file in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        if file.suffix.lower() in _SUFFIXES and file.is_file() and not hidden:
            yield file
