"""Model files as a test wants them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aisuite.errors import ModelMissing
from aisuite.vram.model import ModelShape


class FakeModelFiles:
    """`shapes` are known by their path or by their name on the hub; `read` is what was asked for."""

    def __init__(self, shapes: Mapping[str, ModelShape] | None = None) -> None:
        self.shapes = dict(shapes or {})
        self.read: list[str] = []

    def shape(self, path: Path) -> ModelShape:
        return self._known(str(path))

    def remote_shape(self, source: str) -> ModelShape:
        return self._known(source)

    def _known(self, name: str) -> ModelShape:
        self.read.append(name)
        if name not in self.shapes:
            raise ModelMissing(f"not on this machine: {name}", (Path(name),), "aisuite models pull")
        return self.shapes[name]
