"""What model files say about themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from aisuite.vram.model import ModelShape


class ModelFiles(Protocol):
    """Reads the headers of model files, never their data."""

    def shape(self, path: Path) -> ModelShape:
        """Return the shape of a model on this machine; of a split one, `path` is the first part.

        Raises ModelMissing (naming every part that is not there) and ModelBroken (it says "cannot be planned" for a
        sound file of a kind that the planner does not know).
        """

    def remote_shape(self, source: str) -> ModelShape:
        """Return the shape of a model on the hub, named "hf:owner/repo/file.gguf[@revision]".

        Raises UsageError for another form of name, ModelMissing, ModelBroken, DownloadFailed.
        """
