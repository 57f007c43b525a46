"""A shelf whose owner is killed at each step: what is listed is whole, and what is not is swept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.ports.failpoint import KILLED, VARIABLE
from tests.fakes.bundles import put_bundle

pytestmark = pytest.mark.process

BUNDLE, LATER = "20261121T141500Z", "20261122T141500Z"
REPOSITORY = Path(__file__).parents[3]
PROGRAM = """
import sys
from pathlib import Path
from aisuite.adapters.bundle_shelf import BundleShelf
from tests.fakes.bundles import put_bundle
shelf = BundleShelf(Path(sys.argv[1]))
put_bundle(shelf, sys.argv[2])
shelf.remove(sys.argv[2])
"""


@pytest.mark.parametrize("step", ["shelf.seal", "shelf.rename", "shelf.remove"])
def test_a_killed_owner_leaves_only_whole_bundles(tmp_path: Path, step: str) -> None:
    shelf = BundleShelf(tmp_path / "backups")
    made = put_bundle(shelf, BUNDLE)
    environment = {**os.environ, VARIABLE: step, "PYTHONPATH": str(REPOSITORY)}
    killed = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(shelf.path), LATER], env=environment, check=False, timeout=120
    )
    assert killed.returncode == KILLED
    assert shelf.list() == (BUNDLE,)
    assert os.listdir(shelf.path) == [BUNDLE]
    assert shelf.check(BUNDLE) == made
    put_bundle(shelf, LATER)
    assert shelf.list() == (BUNDLE, LATER)
