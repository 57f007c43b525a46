"""A drill of one fault in short form, judged by what holds on a busy machine, too.

How long things take is judged by benchmarks/drill.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.drill.catalogue import CATALOGUE
from tests.e2e.killed_drills import FEW, is_steady
from tests.e2e.suite import finish, wait_for

if TYPE_CHECKING:
    from tests.e2e.suite import Suite


def drill_in_short(suite: Suite, name: str) -> None:
    """Make one fault, and see that nobody lost a request, nothing else restarted, and all is as it was."""
    wait_for(lambda: is_steady(suite), 60)
    fault = CATALOGUE[name]
    drill = finish(suite.start("drill", "--only", name, "--duration", "2", *FEW, "--json"), 300)
    (trial,) = drill.json["trials"]
    figures = trial["figures"]
    assert figures, trial["why"]
    assert figures["others_restarted"] == 0.0, trial["restarted"]
    assert figures["recovers"] is not None, trial["why"]
    if fault.tolerance.plain_success is not None:
        assert figures["plain_success"] == 1.0, trial["errors"]
    if fault.tolerance.streams_marked is not None:
        assert figures["streams_marked"] in {1.0, None}, trial["errors"]
    if fault.outage:
        assert trial["errors"], "somebody was told"
    assert is_steady(suite)
