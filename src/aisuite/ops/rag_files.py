"""The documents below a path, as they are sent to the RAG service."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aisuite.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

_CODE = (
    "bash bat c cc cfg cpp cs css dart ex go gradle graphql h hpp ini java jl js jsx kt lua m mk php pl proto ps1 py "
    "pyi r rb rs scala sh sql svelte swift tf toml ts tsx vue xml yaml yml zig"
)
_DOCUMENTS = "md markdown txt rst html htm pdf docx csv tsv json jsonl ndjson"
SUFFIXES = frozenset(f".{suffix}" for suffix in f"{_DOCUMENTS} {_CODE}".split())
_GROUP = 64  # files in one request
_GROUP_BYTES = 8 * 2**20  # a file that alone is larger goes alone


@dataclass(slots=True)
class FileSet:
    """What was found below a path; `unread` are those that could not be opened, and why."""

    root: Path
    paths: list[Path] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)

    def name(self, path: Path) -> str:
        """Return the name of a document: its place below the root."""
        return path.relative_to(self.root).as_posix()

    @property
    def names(self) -> frozenset[str]:
        """The names of all documents, readable or not."""
        return frozenset(self.name(path) for path in self.paths)

    def groups(self) -> Iterator[list[tuple[str, bytes]]]:
        """Yield documents in groups of which one at a time fits into memory."""
        group: list[tuple[str, bytes]] = []
        size = 0
        for path in self.paths:
            try:
                content = path.read_bytes()
            except OSError as err:
                self.unread.append((self.name(path), err.strerror or str(err)))
                continue
            if group and (len(group) == _GROUP or size + len(content) > _GROUP_BYTES):
                yield group
                group, size = [], 0
            group.append((self.name(path), content))
            size += len(content)
        if group:
            yield group


def find_files(path: Path, only: Collection[Path] | None = None) -> FileSet:
    """Find the documents of a file or a folder, hidden ones left out; `only` leaves out the others, too.

    Raises UsageError.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist", f"ls {path.parent}")
    if path.is_file():
        return FileSet(path.parent, [path])
    found = FileSet(path)
    for file in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        wanted = only is None or file in only
        if wanted and not hidden and file.suffix.lower() in SUFFIXES and file.is_file():
            found.paths.append(file)
    return found
