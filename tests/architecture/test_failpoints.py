"""A place at which a command can be told to die is there for a test that lets it die there."""

from __future__ import annotations

import re
from pathlib import Path

from aisuite.bundle.restore_steps import Step
from tests.e2e.killing import BACKUP, RESTORE

SOURCE = Path(__file__).parents[2] / "src" / "aisuite"
TAKEN_BACK = {"undo.switched", "undo.placed"}  # tests/unit/ops/test_restore.py finds them as it goes
REMOVED = {"shelf.remove"}  # tests/unit/adapters/test_bundle_shelf_killed.py


def test_at_every_failpoint_a_test_kills() -> None:
    named = {
        name for path in SOURCE.rglob("*.py") for name in re.findall(r'failpoint\("([^"]+)"\)', path.read_text("utf-8"))
    }
    within_steps = {f"restore.{one}" for one in RESTORE if one not in set(Step)}
    assert named == {*BACKUP, *within_steps, *TAKEN_BACK, *REMOVED}
