"""Checks of memory, clock, Windows and SQLite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from aisuite.preflight.model import Outcome
from aisuite.preflight.snapshot import Card, Docker, Machine, Model, PortUse, Web
from aisuite.stack.model import ModelFile
from aisuite.units import Mib
from tests.fakes.stacks import make_service, make_stack
from tests.unit.preflight.snapshots import HERE, judged, snapshot

MIB = 2**20
SERVER = make_service("inference-chat", 8001)
FILE = ModelFile("chat", "inference-chat", Path("/models/m.gguf"), None, "m.gguf", "main", None, None)
NOW = 1_800_000_000.0


def with_model(size: int, memory: Mib | None = None):  # type: ignore[no-untyped-def]
    seen = snapshot(engine="docker", models=(Model("chat", FILE.path, bytes=size),))
    stack = make_stack(replace(SERVER, memory=memory), models=(FILE,))
    return replace(seen, stack=replace(stack, engine="docker"))


def test_memory_must_hold_the_files_of_all_servers_that_do_not_run_yet() -> None:
    seen = with_model(1024 * MIB)
    tight = replace(seen, machine=Machine(free_memory=1535 * MIB))
    enough = replace(seen, machine=Machine(free_memory=1536 * MIB))
    assert judged("MEMORY-001", tight).outcome is Outcome.WARN
    assert judged("MEMORY-001", enough).outcome is Outcome.PASS
    own = (PortUse("inference-chat", "127.0.0.1", 8001, "llama-server", ours=True),)
    assert judged("MEMORY-001", replace(tight, ports=own)).outcome is Outcome.PASS


def test_what_the_plan_puts_on_the_card_needs_no_memory() -> None:
    seen = replace(with_model(4096 * MIB), machine=Machine(free_memory=1024 * MIB))
    planned = replace(seen, card=Card("fits", in_ram=(("chat", 300 * MIB),)))
    assert judged("MEMORY-001", seen).outcome is Outcome.WARN
    assert judged("MEMORY-001", planned).outcome is Outcome.PASS


def test_memory_is_not_judged_before_the_files_are_here() -> None:
    seen = snapshot(models=(Model("chat", FILE.path),), machine=Machine(free_memory=MIB))
    assert judged("MEMORY-001", seen).outcome is Outcome.NOTE
    assert judged("MEMORY-001", snapshot()).outcome is Outcome.NOTE


def test_a_model_larger_than_its_container_fails() -> None:
    assert judged("MEMORY-002", with_model(1024 * MIB, Mib(1536))).outcome is Outcome.PASS
    found = judged("MEMORY-002", with_model(1025 * MIB, Mib(1536)))
    assert found.outcome is Outcome.FAIL
    assert found.judgement.details == ("inference-chat may take 1536MiB, its model needs 1537 MiB",)


def test_limits_above_the_engines_memory_are_a_note() -> None:
    for memory, outcome in ((2048, Outcome.PASS), (1024, Outcome.NOTE)):
        seen = replace(with_model(0, Mib(2048)), docker=Docker(memory=memory * MIB))
        assert judged("MEMORY-003", seen).outcome is outcome


@pytest.mark.parametrize(("wsl", "first", "second"), [(0, "pass", "skip"), (1, "fail", "skip"), (2, "pass", "note")])
def test_wsl_1_cannot_run_a_suite_and_wsl_2_keeps_some_figures_to_itself(
    wsl: Literal[0, 1, 2], first: str, second: str
) -> None:
    seen = snapshot(machine=Machine(wsl=wsl))
    assert (judged("WSL-001", seen).outcome, judged("WSL-002", seen).outcome) == (first, second)


@pytest.mark.parametrize(
    ("machine", "web", "outcome"),
    [
        (Machine(now=NOW, clock_kept=True), Web(), Outcome.PASS),
        (Machine(now=NOW, clock_kept=False), Web(), Outcome.NOTE),
        (Machine(now=NOW), Web(), Outcome.NOTE),
        (Machine(now=NOW, clock_kept=False), Web(asked=True, ahead=-29.0), Outcome.PASS),
        (Machine(now=NOW, clock_kept=True), Web(asked=True, ahead=31.0), Outcome.WARN),
        (Machine(now=0.0, clock_kept=True), Web(), Outcome.FAIL),
    ],
)
def test_a_server_knows_the_time_better_than_the_kernels_own_opinion(
    machine: Machine, web: Web, outcome: Outcome
) -> None:
    assert judged("CLOCK-001", snapshot(machine=machine, web=web)).outcome is outcome


def test_a_network_that_does_not_answer_is_a_warning_where_it_was_asked() -> None:
    assert judged("NET-001", snapshot()).outcome is Outcome.SKIP
    assert judged("NET-001", snapshot(web=Web(asked=True, fault="no route"))).outcome is Outcome.WARN
    assert judged("NET-001", snapshot(web=Web(asked=True, ahead=0.0))).outcome is Outcome.PASS


@pytest.mark.parametrize(("version", "outcome"), [("3.51.2", "note"), ("3.51.3", "pass"), ("3.6.9", "pass")])
def test_sqlite_with_the_bug_of_its_journal_is_a_note(version: str, outcome: str) -> None:
    assert judged("SQLITE-001", snapshot(machine=Machine(sqlite=version))).outcome == outcome


def test_the_working_directory_of_a_snapshot_is_no_section() -> None:
    assert snapshot().working_dir == HERE
