"""Model files in places where this user may not look."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from aisuite.ops.model_files import is_here, why_not_here


def test_a_file_that_may_not_be_seen_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    stat = Path.stat

    def may_not(self: Path, **how: Any) -> os.stat_result:
        if "closed" not in self.parts:  # threads of other tests look at their own files
            return stat(self, **how)
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "stat", may_not)
    assert not is_here(Path("closed/model.gguf"))
    assert why_not_here(Path("closed/model.gguf")) == " (permission denied)"


def test_nothing_is_said_about_a_file_that_is_just_missing(tmp_path: Path) -> None:
    assert not is_here(tmp_path / "model.gguf")
    assert why_not_here(tmp_path / "model.gguf") == ""
    assert why_not_here(tmp_path) == " (a folder stands there)"
