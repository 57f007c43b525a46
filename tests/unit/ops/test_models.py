"""Model files: what is here, what is fetched."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aisuite.errors import DownloadFailed
from aisuite.ops.models import list_models, pull_models
from aisuite.stack.model import ModelFile, Stack
from tests.fakes.stacks import phase2_stack

if TYPE_CHECKING:
    from aisuite.ports import Progress


@dataclass
class FakeHub:
    """Writes a file of four bytes for every pull."""

    pulled: list[str] = field(default_factory=list)

    def pull(self, model: ModelFile, progress: Progress, *, force: bool = False) -> None:
        progress(model.file, 4, 4)
        model.path.write_bytes(b"GGUF")
        self.pulled.append(model.model)


def _stack(folder: Path) -> Stack:
    chat = ModelFile("chat", "inference-chat", folder / "a.gguf", "owner/repo", "a.gguf", "main", None, None)
    code = replace(chat, model="code", path=folder / "b.gguf", file="b.gguf")
    demo = replace(chat, model="demo", path=folder / "d.gguf", repo=None, demo_sentence="hi")
    return replace(phase2_stack(), models=(chat, code, demo))


def _told(_model: ModelFile) -> Progress:
    return lambda stage, done, total: None


def test_every_file_is_listed_with_its_state(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    rows = list_models(_stack(tmp_path)).models
    assert [(row.model, row.state, row.bytes) for row in rows] == [
        ("chat", "present", 4),
        ("code", "missing", None),
        ("demo", "demo", None),
    ]
    assert rows[0].source == "owner/repo@main"


def test_only_missing_files_are_fetched_and_with_force_all(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    hub = FakeHub()
    assert pull_models(_stack(tmp_path), hub, force=False, progress_for=_told).pulled == ("code",)
    assert pull_models(_stack(tmp_path), hub, force=False, progress_for=_told).pulled == ()
    assert pull_models(_stack(tmp_path), hub, force=True, progress_for=_told).pulled == ("chat", "code")
    assert hub.pulled == ["code", "chat", "code"]


def test_a_file_of_ones_own_cannot_be_fetched(tmp_path: Path) -> None:
    stack = _stack(tmp_path)
    own = replace(stack, models=(replace(stack.models[0], repo=None),))
    with pytest.raises(DownloadFailed) as caught:
        pull_models(own, FakeHub(), force=False, progress_for=_told)
    assert str(tmp_path / "a.gguf") in str(caught.value.hint)
