"""A stand-in answers under the address of the server that it replaces, before anything else is taken away."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from aisuite.drill.model import Action, StubMode, Undo
from tests.contract.faults import CHAT, ProcessFaultsCase

pytestmark = pytest.mark.process


def test_it_answers_as_soon_as_it_was_put_there(tmp_path: Path) -> None:
    case = ProcessFaultsCase(tmp_path / "a project", patience=30)
    try:
        case.faults().inject(Undo("error-503", Action.STAND_IN, CHAT, StubMode.LOADING))
        assert httpx.get(f"{case.url}/health").status_code == 503
        assert httpx.post(f"{case.url}/v1/chat/completions", json={}).status_code == 401
        found = case.engine.observe().find(CHAT)
        assert found is not None
        assert "STUB_MODE=503" in found.fingerprint["environment"]
    finally:
        case.engine.close()
