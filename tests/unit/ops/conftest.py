from __future__ import annotations

import os

import pytest


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that are not about power cuts: each fsync takes milliseconds."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
