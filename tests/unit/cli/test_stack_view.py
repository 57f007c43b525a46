"""What `up` and `status` show of services."""

from __future__ import annotations

from dataclasses import replace

from aisuite.cli.output import Output
from aisuite.cli.view.stack import status_json, status_text, up_text
from aisuite.drill.model import Action, Undo
from aisuite.ops.record import record_of
from aisuite.ops.status import StatusReport, statuses
from aisuite.ops.up import UpReport
from aisuite.plan.model import Plan
from aisuite.plan.observed import Observed, ObservedService, State
from tests.fakes.stacks import phase2_stack

RECORD = record_of(phase2_stack(), {}, None)
OUT = Output("status", no_color=True)


def _report(**engine_health: str) -> StatusReport:
    services = tuple(
        ObservedService(one.name, State.RUNNING, ready=True, engine_health=engine_health.get(one.name))
        for one in phase2_stack().services
    )
    return StatusReport(RECORD, statuses(RECORD, Observed(engine_up=True, services=services)))


def test_of_local_processes_only_our_own_probe_is_named() -> None:
    assert status_text(_report(), OUT).splitlines()[-1] == "healthy: it answers our own probe"


def test_what_the_engines_own_checks_find_stands_beside_our_probe() -> None:
    text = status_text(_report(rag="starting", qdrant="healthy", embedding="healthy"), OUT)
    assert text.splitlines()[-1] == (
        "healthy: it answers our own probe; the engine's own checks say: 2 healthy, 1 starting"
    )
    assert text.count("running  healthy") == 6


def test_a_health_command_that_cannot_be_run_is_shown_with_what_the_engine_says() -> None:
    report = _report()
    rows = tuple(
        replace(row, engine_health="unhealthy", health_fault="curl: not found") if row.name == "rag" else row
        for row in report.services
    )
    report = StatusReport(RECORD, rows)
    assert status_text(report, OUT).endswith("\nrag: the engine cannot run its health command: curl: not found")
    shown = {row["name"]: (row["health"], row["engine_health"]) for row in status_json(report)["services"]}
    assert shown["rag"] == ("healthy", "unhealthy")
    assert shown["qdrant"] == ("healthy", None)


def test_up_says_what_it_has_repaired_of_a_killed_drill() -> None:
    left = (Undo("both-down", Action.STOP, "inference-chat"), Undo("both-down", Action.STOP, "inference-code"))
    text = up_text(UpReport(phase2_stack(), Plan(), dry_run=False, seconds=2.0, repaired=left), OUT)
    assert "is repaired now: inference-chat (both-down), inference-code (both-down)\n" in text
    assert "nothing to do" not in text
