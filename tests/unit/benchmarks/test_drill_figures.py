"""What the benchmark of faults keeps of a drill."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
SPREAD = {"least": 0.123456, "median": 0.2, "most": 0.3}
REPORT: dict[str, Any] = {
    "ended": "2026-01-01T00:00:00Z",
    "engine": "process",
    "versions": {"aisuite": "0.1.0", "litellm": "1.0", "python": "3.11", "system": "a-host"},
    "success": 1.0,
    "evidence": "20260101T000000Z-failover-drill",
    "config": {"folder": "/home/somebody"},
    "trials": [{"errors": {"plain: at /home/somebody": 1}}],
    "summary": [
        {
            "fault": "kill",
            "outcome": "pass",
            "why": "all bounds held",
            "runs": 3,
            "passed": 3,
            "bounds": {"first_good": 0.5},
            "figures": {"first_good": SPREAD},
        }
    ],
}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "run", raising=False)
    drill = runpy.run_path(str(BENCHMARKS / "drill.py"))
    text: str = drill["write_summary"](REPORT, "a machine, 2 cores", "--repeat 3")
    return text


def test_figures_are_kept_with_their_bounds_and_where_they_were_measured(written: str) -> None:
    kept = json.loads(written)
    (kill,) = kept["faults"]
    assert (kept["machine"], kept["options"], kept["engine"]) == ("a machine, 2 cores", "--repeat 3", "process")
    assert (kill["outcome"], kill["runs"], kill["bounds"]) == ("pass", 3, {"first_good": 0.5})
    assert kill["figures"]["first_good"] == [0.123, 0.2, 0.3]


def test_nothing_that_names_a_machine_or_its_folders_is_kept(written: str) -> None:
    assert "somebody" not in written
    assert "a-host" not in written


def test_a_fault_is_a_line(written: str) -> None:
    assert [line for line in written.splitlines() if '"fault"' in line] == [
        line for line in written.splitlines() if "all bounds held" in line
    ]
