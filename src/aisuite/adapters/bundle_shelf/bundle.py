"""One bundle, read as if a stranger had written it."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from aisuite.adapters.bundle_shelf.folder import NotPlain, look_through, open_plain
from aisuite.adapters.bundle_shelf.packing import Unlike, unpack
from aisuite.bundle.manifest import OTHERS, OWN_FILES, check_path, parse_manifest
from aisuite.errors import BundleDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from aisuite.bundle.model import BundleFile, Manifest

_AT_ONCE = 2
_LONGEST_TEXT = 64 << 20  # bytes of manifest.json: some 100,000 files


class OpenBundle:
    """A bundle by the handle of its folder. Everything raises BundleDamaged naming the file."""

    def __init__(self, bundle: str, handle: int) -> None:
        self._id = bundle
        self._handle = handle

    def read(self, name: str) -> str | None:
        """Return the text of one of the bundle's own files; None when it is not there."""
        try:
            with open_plain(self._handle, name) as file:
                text = _read_at_most(file, _LONGEST_TEXT)
        except FileNotFoundError:
            return None
        except OSError as err:
            raise self._damaged(name, _why(err)) from err
        if text is None:
            raise self._damaged(name, "it is too long")
        return text.decode(errors="replace")

    def manifest(self) -> Manifest:
        """Return the manifest."""
        text = self.read("manifest.json")
        if text is None:
            raise self._damaged("manifest.json", "it is missing")
        return parse_manifest(text, self._id)

    def check(self) -> Manifest:
        """Compare everything with the manifest: first what is there, then what is in it."""
        manifest = self.manifest()
        for path, why in self._misplaced(manifest):
            raise self._damaged(path, why)
        largest_first = sorted(manifest.files, key=lambda file: -file.size)  # so that no core waits for the last one
        with ThreadPoolExecutor(_AT_ONCE) as pool:  # hashing and unpacking let other threads run
            for _ in pool.map(lambda file: self.unpack(file, _drop), largest_first):
                pass
        return manifest

    def unpack(self, file: BundleFile, write: Callable[[bytes], object]) -> None:
        """Hand over a file as it was before it was packed, and refuse it when it is not as the manifest says."""
        try:
            source = open_plain(self._handle, check_path(file.path))
        except (OSError, ValueError) as err:
            raise self._damaged(file.path, _why(err)) from err
        with source:
            try:
                unpack(source, file, write)
            except Unlike as err:
                raise self._damaged(file.path, str(err)) from err

    def _misplaced(self, manifest: Manifest) -> Iterator[tuple[str, str]]:
        """Yield what is missing, too much, of another size, or no plain file."""
        sizes = {file.path: file.size for file in manifest.files}
        folders = {path[:place] for path in sizes for place, sign in enumerate(path) if sign == "/"}
        missing = dict.fromkeys(sizes)
        try:
            for path, told in look_through(self._handle):
                missing.pop(path, None)
                if path in folders:
                    if not stat.S_ISDIR(told.st_mode):
                        yield path, "it is not a folder"
                elif path not in sizes and path not in OWN_FILES:
                    yield path, "the manifest does not list it"
                elif not stat.S_ISREG(told.st_mode):
                    yield path, "it is not a plain file"
                elif told.st_size != sizes.get(path, told.st_size):
                    yield path, f"it has {told.st_size} bytes; the manifest says {sizes[path]}"
        except OSError as err:
            yield ".", _why(err)
        yield from ((path, "it is missing") for path in missing)

    def _damaged(self, path: str, why: str) -> BundleDamaged:
        return BundleDamaged(f"backup {self._id} is damaged: {_printable(path)}: {why}", OTHERS)


def _read_at_most(file: BinaryIO, size: int) -> bytes | None:
    length = os.fstat(file.fileno()).st_size
    if length > size:
        return None
    blocks = []
    while length > 0 and (block := file.read(length)):
        blocks.append(block)
        length -= len(block)
    return b"".join(blocks)


def _drop(_: bytes) -> None:
    """Look at it no further."""


def _printable(path: str) -> str:
    return path if path.isprintable() else repr(path)


def _why(err: Exception) -> str:
    if isinstance(err, NotPlain):
        return "it is not a plain file"
    if isinstance(err, FileNotFoundError):
        return "it is missing"
    return str(getattr(err, "strerror", None) or err)
