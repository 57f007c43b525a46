"""`aisuite models`: which files a profile needs, and fetching those that are missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.errors import DownloadFailed
from aisuite.ops.model_files import is_here

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aisuite.ports import Hub, Progress
    from aisuite.stack.model import ModelFile, Stack


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model file; `state`: "present", "missing" or "demo" (written at first use). `bytes` is None when absent."""

    model: str
    service: str
    path: Path
    source: str
    state: str
    bytes: int | None


@dataclass(frozen=True, slots=True)
class ModelsReport:
    """All model files of a profile; `pulled` are those fetched now."""

    models: tuple[ModelRow, ...]
    pulled: tuple[str, ...] = ()
    exit_code: int = 0


def list_models(stack: Stack) -> ModelsReport:
    """Return every model file that the stack needs."""
    return ModelsReport(tuple(_row(model) for model in stack.models))


def pull_models(stack: Stack, hub: Hub, *, force: bool, progress_for: Callable[[ModelFile], Progress]) -> ModelsReport:
    """Fetch every missing file (with `force` every file), one after the other. Raises DownloadFailed, DiskFull."""
    pulled = []
    for model in stack.models:
        if model.demo_sentence is not None or (is_here(model.path) and not force):
            continue
        if model.repo is None:
            raise DownloadFailed(f"models.{model.model} names no repository", f"put its file at {model.path} yourself")
        hub.pull(model, progress_for(model), force=force)
        pulled.append(model.model)
    return ModelsReport(tuple(_row(model) for model in stack.models), tuple(pulled))


def _row(model: ModelFile) -> ModelRow:
    present = is_here(model.path)
    state = "demo" if model.demo_sentence is not None else "present" if present else "missing"
    hub = f"{model.repo}@{model.revision}" if model.repo else "your own file"
    source = "made on this machine" if model.demo_sentence is not None else hub
    size = model.path.stat().st_size if present else None
    return ModelRow(model.model, model.service, model.path, source, state, size)
