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
SUFFIXES = frozenset(f".{suffix}" for suffix in f"md markdown txt rst csv tsv json jsonl ndjson {_CODE}".split())
_LARGEST = 4 * 2**20  # bytes of one document


@dataclass(frozen=True, slots=True)
class TextFile:
    """A document: its name is its place below the folder."""

    name: str
    text: str


@dataclass(slots=True)
class FileSet:
    """What was found below a path: names of documents, those that cannot be sent, and why."""

    root: Path
    paths: list[Path] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def name(self, path: Path) -> str:
        """Return the name of a document."""
        return path.relative_to(self.root).as_posix()

    @property
    def names(self) -> frozenset[str]:
        """The names of all documents, readable or not."""
        return frozenset(self.name(path) for path in self.paths)

    def read(self) -> Iterator[TextFile]:
        """Yield the documents one by one; those that cannot be sent go to `skipped`."""
        for path in self.paths:
            name = self.name(path)
            try:
                size = path.stat().st_size
                text = path.read_text(encoding="utf-8-sig") if size <= _LARGEST else ""
            except (UnicodeDecodeError, OSError) as err:
                self.skipped.append((name, "not UTF-8 text" if isinstance(err, UnicodeDecodeError) else str(err)))
                continue
            if text.strip():
                yield TextFile(name, text)
            else:
                self.skipped.append((name, "empty" if size <= _LARGEST else f"larger than {_LARGEST // 2**20} MiB"))


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
