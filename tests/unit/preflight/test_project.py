"""Checks of local programs, of the gateway's version, and of what earlier runs have left."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.preflight.model import Outcome, Repair
from aisuite.preflight.snapshot import Programs, Project
from aisuite.preflight.versions import parse_version, pinned_version, version_of_image
from tests.unit.preflight.snapshots import judged, snapshot


def test_local_processes_need_a_llama_server_and_containers_do_not() -> None:
    broken = Programs(llama_fault="no llama-server", llama_fix="pip install x")
    found = judged("PROCESS-001", snapshot(programs=broken))
    assert (found.outcome, found.judgement.fix) == (Outcome.FAIL, "pip install x")
    assert judged("PROCESS-001", snapshot(engine="docker", programs=broken)).outcome is Outcome.SKIP


def test_the_gateways_environment_is_there_or_can_be_made() -> None:
    for programs, outcome in ((Programs(gateway_made=True, uv_fault="no uv"), Outcome.PASS),
                              (Programs(), Outcome.NOTE),
                              (Programs(uv_fault="no uv"), Outcome.FAIL)):  # fmt: skip
        assert judged("PROCESS-002", snapshot(programs=programs)).outcome is outcome


@pytest.mark.parametrize(
    ("version", "outcome"),
    [
        ("1.82.6", Outcome.WARN),
        ("1.82.7", Outcome.FAIL),
        ("1.82.8", Outcome.FAIL),
        ("1.83.14", Outcome.WARN),
        ("1.106.3", Outcome.PASS),
        ("1.107.2", Outcome.FAIL),
        ("1.108.0", Outcome.PASS),
        ("1.109.0", Outcome.WARN),
        ("v1.109.2-stable", Outcome.PASS),
        (None, Outcome.WARN),
    ],
)
def test_a_compromised_gateway_fails_and_a_hole_warns(version: str | None, outcome: Outcome) -> None:
    assert judged("GATEWAY-001", snapshot(programs=Programs(litellm=version))).outcome is outcome


def test_a_project_on_the_other_engine_must_come_down_first() -> None:
    seen = snapshot(engine="docker", project=Project(runs_on="process"), project_flags="-p mine")
    found = judged("PROJECT-001", seen)
    assert (found.outcome, found.judgement.fix) == (Outcome.FAIL, "aisuite down -p mine")
    assert judged("PROJECT-001", snapshot(project=Project(runs_on="process"))).outcome is Outcome.PASS


def test_a_drill_that_was_killed_must_be_undone() -> None:
    assert judged("PROJECT-002", snapshot(project=Project(drill=True))).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("project", "fix"),
    [(Project(orphaned=("rag",)), "aisuite up --demo"), (Project(unrecorded=("rag",)), "aisuite down")],
)
def test_services_that_nobody_watches_are_named_with_what_to_do(project: Project, fix: str) -> None:
    found = judged("PROJECT-003", snapshot(project=project, flags="--demo"))
    assert (found.outcome, found.judgement.details, found.judgement.fix) == (Outcome.WARN, ("rag",), fix)


def test_an_engine_that_cannot_say_what_runs_is_a_note() -> None:
    assert judged("PROJECT-003", snapshot(project=Project(fault="no Docker answers"))).outcome is Outcome.NOTE


def test_half_written_files_can_be_removed_and_environments_are_left_to_clean() -> None:
    half, old = Path("/p/.writing-1"), Path("/data/gateway/old")
    found = judged("PROJECT-004", snapshot(project=Project(half_written=(half,), old_environments=(old,))))
    assert found.outcome is Outcome.NOTE
    assert found.judgement.measured == "1 half-written file, 1 environment of other versions"
    assert found.judgement.repairs == (Repair("remove", half),)


def test_versions_are_read_from_tags_and_pins() -> None:
    assert version_of_image("ghcr.io/berriai/litellm:v1.109.2@sha256:" + "0" * 64) == "1.109.2"
    assert version_of_image("localhost:5000/litellm") is None
    assert pinned_version("litellm-proxy==2.0\nlitellm[proxy]==1.109.1 \\\n  --hash=x\n", "litellm") == "1.109.1"
    assert pinned_version("litellm>=1\n", "litellm") is None


@given(st.text())
def test_no_text_breaks_the_reading_of_a_version(text: str) -> None:
    found = parse_version(text)
    assert found is None or len(found) > 1


@given(st.lists(st.integers(0, 999), min_size=2, max_size=4))
def test_a_version_is_read_as_its_numbers(numbers: list[int]) -> None:
    assert parse_version("v" + ".".join(map(str, numbers)) + "-stable") == tuple(numbers)
