"""The documents below one folder that may be read, and nothing outside of it.

No symbolic link is ever followed: each part of a path is opened relative to its folder's descriptor, so that a
path cannot be exchanged between a check and its use.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from aisuite.services.common import ServiceError
from aisuite.services.rag.readers import Unreadable, read_text
from aisuite.services.rag.readers.kinds import find_kind

_NO_LINKS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LINK = "a symbolic link, which is not followed"


@dataclass(frozen=True)
class Document:
    """A text to be found, and where it comes from."""

    text: str
    id: str | None = None
    source: str | None = None
    title: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Skipped:
    """Something that was not indexed, and why."""

    source: str
    reason: str


class DocumentFolder:
    """The folder whose documents may be indexed by path."""

    def __init__(self, root: Path | None, max_bytes: int) -> None:
        self._roots: tuple[Path, ...] = (root.absolute(), root.resolve()) if root else ()
        self.max_bytes = max_bytes

    def read(self, path: str) -> Generator[Document | Skipped]:
        """Read a file, or all documents of a folder and the folders in it, in order of their names.

        `path` is absolute or relative to the folder. Raises `ServiceError` 403 or 404 for the first item.
        """
        inside = self._locate(path)
        descriptor = _open_below(self._roots[-1], inside, path)
        try:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                yield from self._read_folder(descriptor, inside)
            else:
                yield self._read_open(descriptor, str(inside))
        finally:
            os.close(descriptor)

    def find(self, path: str) -> str:
        """Name what a path means, relative to the folder. Raises as `read`."""
        inside = self._locate(path)
        os.close(_open_below(self._roots[-1], inside, path))
        return str(inside)

    def count(self, path: str) -> int:
        """Count the documents that `read` would find, without opening them. Raises as `read`."""
        inside = self._locate(path)
        descriptor = _open_below(self._roots[-1], inside, path)
        try:
            if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
                return 1
            found = 0
            for _, folders, files, _ in os.fwalk(".", dir_fd=descriptor):
                folders[:] = [name for name in folders if not name.startswith(".")]
                found += sum(_is_wanted(name) for name in files)
            return found
        finally:
            os.close(descriptor)

    def _locate(self, path: str) -> PurePosixPath:
        if not self._roots:
            raise _refusal("indexing by path is off: set RAG_DOCUMENTS_DIR to the folder that may be read")
        if "\0" in path:
            raise _missing(path)
        for root in self._roots:
            wanted = Path(os.path.normpath(root / path))
            if wanted.is_relative_to(root):
                return PurePosixPath(wanted.relative_to(root))
        raise _refusal(f"{path!r} is outside of RAG_DOCUMENTS_DIR; only documents below {self._roots[0]} are read")

    def _read_folder(self, descriptor: int, inside: PurePosixPath) -> Iterator[Document | Skipped]:
        closed: list[OSError] = []
        for below, folders, files, folder in os.fwalk(".", dir_fd=descriptor, onerror=closed.append):
            here = inside / below
            refused = {name: reason for name in sorted(folders) if (reason := _why_not_entered(name, folder))}
            folders[:] = sorted(set(folders) - set(refused))
            yield from (Skipped(printable(str(here / name)), reason) for name, reason in refused.items())
            for name in sorted(files):
                if _is_wanted(name):
                    yield self._read_named(name, folder, str(here / name))
        yield from (Skipped(printable(str(error.filename)), _reason(error)) for error in closed)

    def _read_named(self, name: str, folder: int, source: str) -> Document | Skipped:
        try:
            descriptor = os.open(name, _NO_LINKS, dir_fd=folder)
        except OSError as err:
            return Skipped(printable(source), _reason(err))
        try:
            return self._read_open(descriptor, source)
        finally:
            os.close(descriptor)

    def _read_open(self, descriptor: int, source: str) -> Document | Skipped:
        name = printable(source)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode) or find_kind(source) is None:
            return Skipped(name, "files of this kind are not read")
        if name != source:
            return Skipped(name, "its name is not UTF-8")
        try:
            with open(descriptor, "rb", closefd=False) as file:
                content = file.read(self.max_bytes + 1)
            return read_document(source, content, self.max_bytes)
        except OSError as err:
            return Skipped(name, _reason(err))


def read_document(source: str, content: bytes, max_bytes: int) -> Document | Skipped:
    """Make a document of a file's content."""
    if len(content) > max_bytes:
        return Skipped(source, f"larger than RAG_MAX_DOCUMENT_BYTES={max_bytes}")
    try:
        return Document(read_text(source, content), source=source)
    except Unreadable as err:
        return Skipped(source, str(err))


def printable(name: str) -> str:
    """Write the bytes of a file name that are not UTF-8 as escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _is_wanted(name: str) -> bool:
    return find_kind(name) is not None and not name.startswith(".")


def _open_below(root: Path, inside: PurePosixPath, shown: str) -> int:
    """Open what lies below a folder, part by part. The caller closes it."""
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as err:
        raise _refusal(f"RAG_DOCUMENTS_DIR={root} cannot be read: {_reason(err)}") from err
    try:
        for part in inside.parts:
            outer = descriptor
            try:
                descriptor = os.open(part, _NO_LINKS, dir_fd=outer)
            finally:
                os.close(outer)
    except OSError as err:
        if err.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            raise _missing(shown) from err
        raise _refusal(f"{shown!r} cannot be read: {_reason(err)}") from err
    return descriptor


def _why_not_entered(name: str, folder: int) -> str | None:
    if name.startswith("."):
        return "a hidden folder"
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as err:
        return _reason(err)
    return _LINK if stat.S_ISLNK(status.st_mode) else None


def _reason(error: OSError) -> str:
    return _LINK if error.errno == errno.ELOOP else (error.strerror or "cannot be read")


def _missing(path: str) -> ServiceError:
    return ServiceError(404, f"{path!r} does not exist", code="no_such_document", param="path")


def _refusal(message: str) -> ServiceError:
    return ServiceError(403, message, code="path_refused", param="path")
