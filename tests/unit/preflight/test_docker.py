"""Checks of the container engine and of images."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aisuite.preflight.model import Outcome
from aisuite.preflight.snapshot import Docker, Image, Live
from tests.fakes.stacks import make_service
from tests.unit.preflight.snapshots import judged, snapshot

SOUND = Docker(version="28.5.2", compose="2.40.3", root="/var/lib/docker", root_free=50 * 2**30, cpus=4, ahead=0.1)
OF_ENGINE = ["DOCKER-001", "DOCKER-002", "DOCKER-003", "DOCKER-004", "DOCKER-005", "DOCKER-006"]
HERE = Image("qdrant:1", ("qdrant",), built=False, present=True)


@pytest.mark.parametrize("check", [*OF_ENGINE, "DOCKER-007", "IMAGE-001", "IMAGE-002"])
def test_local_processes_need_no_engine(check: str) -> None:
    assert judged(check, snapshot()).outcome is Outcome.SKIP


@pytest.mark.parametrize("check", OF_ENGINE)
def test_a_sound_engine_passes(check: str) -> None:
    assert judged(check, snapshot(engine="docker", docker=SOUND)).outcome is Outcome.PASS


def test_an_engine_that_does_not_answer_is_one_failure_not_many() -> None:
    seen = snapshot(engine="docker", docker=Docker(fault="no Docker answers", fix="sudo systemctl start docker"))
    found = {check: judged(check, seen) for check in OF_ENGINE}
    assert found["DOCKER-001"].outcome is Outcome.FAIL
    assert found["DOCKER-001"].judgement.fix == "sudo systemctl start docker"
    assert {found[check].outcome for check in OF_ENGINE[1:]} == {Outcome.SKIP}


@pytest.mark.parametrize(
    ("version", "outcome"),
    [("19.03.15", Outcome.FAIL), ("20.10.0", Outcome.PASS), ("20.10.24+dfsg1", Outcome.PASS), ("dev", Outcome.WARN)],
)
def test_docker_is_wanted_from_20_10_on(version: str, outcome: Outcome) -> None:
    assert judged("DOCKER-002", snapshot(engine="docker", docker=Docker(version=version))).outcome is outcome


@pytest.mark.parametrize("compose", [None, "1.29.2"])
def test_compose_is_never_more_than_a_note(compose: str | None) -> None:
    seen = snapshot(engine="docker", docker=replace(SOUND, compose=compose))
    assert judged("DOCKER-003", seen).outcome is Outcome.NOTE


def test_limits_that_the_kernel_does_not_know_warn_and_those_it_refuses_fail() -> None:
    ignored = judged("DOCKER-004", snapshot(engine="docker", docker=replace(SOUND, lacks=("memory", "cpus"))))
    assert ignored.outcome is Outcome.WARN
    assert "memory and cpus" in ignored.judgement.measured
    service = replace(make_service("api-gateway", 8000), cpus=8.0)
    refused = judged("DOCKER-004", snapshot(service, engine="docker", docker=SOUND))
    assert refused.outcome is Outcome.FAIL
    assert refused.judgement.details == ("api-gateway may use 8 cores, the engine has 4",)


def test_the_disk_of_an_engine_elsewhere_is_a_note() -> None:
    seen = snapshot(engine="docker", docker=replace(SOUND, root_free=None))
    assert judged("DOCKER-005", seen).outcome is Outcome.NOTE


def test_an_engine_whose_clock_fell_behind_is_a_warning() -> None:
    found = judged("DOCKER-006", snapshot(engine="docker", docker=replace(SOUND, ahead=-3600.0)))
    assert (found.outcome, found.judgement.measured) == (Outcome.WARN, "the engine's clock is 3600 s behind")


def test_liberties_of_running_containers_are_shown_and_a_silent_engine_is_not_judged() -> None:
    seen = snapshot(engine="docker", live=Live(("CIS-5.5 rag: privileged",)))
    assert judged("DOCKER-007", seen).judgement.details == ("CIS-5.5 rag: privileged",)
    assert judged("DOCKER-007", snapshot(engine="docker", live=Live(fault="gone"))).outcome is Outcome.SKIP


@pytest.mark.parametrize(
    ("findings", "fix"),
    [
        (("AIS-1 rag: user: 0:0",), "aisuite down -p x   # then up again as an ordinary user, not as root"),
        (("AIS-1 rag: user: 0:0", "CIS-5.5 rag: privileged"), "aisuite down -p x && aisuite up --demo -p x"),
    ],
)
def test_containers_are_made_anew_and_those_of_root_by_somebody_else(findings: tuple[str, ...], fix: str) -> None:
    seen = snapshot(engine="docker", flags="--demo", project_flags="-p x", live=Live(findings))
    assert judged("DOCKER-007", seen).judgement.fix == fix


def test_a_missing_image_warns_and_fails_only_when_its_registry_has_it_not() -> None:
    absent = replace(HERE, present=False)
    for image, outcome in ((HERE, Outcome.PASS), (absent, Outcome.WARN), (replace(absent, afar=""), Outcome.WARN),
                           (replace(absent, afar="denied"), Outcome.FAIL)):  # fmt: skip
        assert judged("IMAGE-001", snapshot(engine="docker", images=(image,))).outcome is outcome


def test_an_image_that_is_not_the_locked_one_fails_and_no_lock_is_a_note() -> None:
    locked = replace(HERE, locked=True)
    for image, outcome in ((HERE, Outcome.NOTE), (locked, Outcome.PASS), (replace(locked, differs=True), Outcome.FAIL)):
        assert judged("IMAGE-002", snapshot(engine="docker", images=(image,))).outcome is outcome
