"""Timers as systemd itself reads them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aisuite.bundle.schedule import Schedule, render_units


@pytest.mark.soak
def test_systemd_itself_takes_what_is_written(tmp_path: Path) -> None:
    words = (sys.executable, "-m", "aisuite", "backup", "--to", '/srv/o\'brien/100% $HOME "x" \\y')
    for one in (Schedule("demo", (words, words), 3, 5), Schedule("demo", (words,), 23, 59, "sun")):
        for name, text in render_units(one).items():
            (tmp_path / name).write_text(text)
        checked = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", *tmp_path.iterdir()], capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stderr) == (0, "")
