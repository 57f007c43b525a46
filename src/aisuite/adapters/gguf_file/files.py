"""The headers of model files on this machine."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from aisuite.adapters.gguf_file.cache import ShapeCache
from aisuite.errors import ModelBroken, ModelMissing
from aisuite.vram.gguf import Header, joined, parse_header, part_names
from aisuite.vram.gguf_cursor import GgufInvalid
from aisuite.vram.shape import NotPlannable, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aisuite.vram.model import ModelShape

_AGAIN = "aisuite models pull --force   # fetches it again"
_ANOTHER = "choose another file of the repository"


class GgufFiles:
    """Reads headers; what was read once is kept below `cache` until the file changes."""

    def __init__(self, cache: Path) -> None:
        self._cache = ShapeCache(cache)

    def shape(self, path: Path) -> ModelShape:
        """Return the shape of a model, of a split one with all its parts. Raises ModelMissing, ModelBroken."""
        with _explained(str(path), _AGAIN):
            parts = [path.with_name(name) for name in part_names(path.name)]
            stamp = _stamp(parts)
            known = self._cache.find(path, stamp)
            if known is not None:
                return known
            shape = shape_of(joined([_header(part) for part in parts]))
        self._cache.keep(path, stamp, shape)
        return shape

    def remote_shape(self, source: str) -> ModelShape:
        """Return the shape of "hf:owner/repo/file.gguf[@revision]" from the first megabytes of its files.

        Raises UsageError, ModelMissing, ModelBroken, DownloadFailed.
        """
        from aisuite.adapters.gguf_file.remote import remote_header

        with _explained(source, _ANOTHER):
            return shape_of(remote_header(source))


def _stamp(parts: list[Path]) -> list[list[int]]:
    """Return what changes when a file does. Raises ModelMissing, ModelBroken."""
    found, missing = [], []
    for part in parts:
        try:
            status = part.stat()
        except FileNotFoundError:
            missing.append(part)
            continue
        if not stat.S_ISREG(status.st_mode):
            raise ModelBroken(f"{part} is no file", "correct models.* in the profile")
        found.append([status.st_size, status.st_mtime_ns, status.st_ino])
    if missing:
        names = ", ".join(str(part) for part in missing)
        raise ModelMissing(f"not on this machine: {names}", tuple(missing), "aisuite models pull")
    return found


def _header(path: Path) -> Header:
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        return parse_header(partial(_read, file.fileno()), size)


def _read(descriptor: int, offset: int, size: int) -> bytes:
    return os.pread(descriptor, size, offset)


@contextmanager
def _explained(name: str, when_invalid: str) -> Iterator[None]:
    try:
        yield
    except GgufInvalid as err:
        raise ModelBroken(f"{name}: {err}", when_invalid) from err
    except NotPlannable as err:
        raise ModelBroken(f"{name} {err}", "choose a model of another kind in the profile") from err
    except OSError as err:
        raise ModelBroken(f"{name} cannot be read: {err.strerror or err}", f"ls -l {name}") from err
