"""Shapes that were read before: one small file for each model, thrown away when anything about it is odd."""

from __future__ import annotations

import json
from dataclasses import fields
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from aisuite import __version__
from aisuite.adapters.durable import write_durably
from aisuite.vram.model import ModelShape, Tensor

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT = f"aisuite {__version__}, shape 1"
_LARGEST = 16 * 2**20  # bytes of an entry


class ShapeCache:
    """Keeps shapes in a folder for its owner alone. It never fails: without it, headers are read again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, model: Path, stamp: list[list[int]]) -> ModelShape | None:
        """Return what was kept for these very files, or None."""
        try:
            entry = self._entry(model)
            if entry.stat().st_size > _LARGEST:
                return None
            digest, _, body = entry.read_text(encoding="utf-8").partition("\n")
            if digest != _digest(body):
                return None
            kept = json.loads(body)
            if kept["key"] != _key(model, stamp):
                return None
            return _shape(kept["shape"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def keep(self, model: Path, stamp: list[list[int]], shape: ModelShape) -> None:
        """Remember a shape; where that is not possible, do nothing."""
        body = json.dumps({"key": _key(model, stamp), "shape": _plain(shape)}, separators=(",", ":"))
        entry = self._entry(model)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(entry, f"{_digest(body)}\n{body}".encode())
        except OSError:  # a full disk, a read-only home: the next run reads the header again
            return

    def _entry(self, model: Path) -> Path:
        return self._folder / f"{_digest(str(model.absolute()))[:24]}.json"


def _key(model: Path, stamp: list[list[int]]) -> list[Any]:
    return [_FORMAT, str(model.absolute()), stamp]


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(shape: ModelShape) -> dict[str, Any]:
    plain = {field.name: getattr(shape, field.name) for field in fields(shape)}
    plain["tensors"] = [[one.name, one.shape, one.type, one.bytes, one.offset, one.part] for one in shape.tensors]
    return plain


def _shape(plain: dict[str, Any]) -> ModelShape:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    values["tensors"] = tuple(
        Tensor(name, tuple(shape), kind, size, offset, part)
        for name, shape, kind, size, offset, part in plain["tensors"]
    )
    return ModelShape(**values)
