"""Evidence: everything about a drill, nothing secret, however the drill ended."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from aisuite.drill.catalogue import CATALOGUE
from aisuite.errors import DiskFull, ProjectLocked, UsageError
from aisuite.ops.evidence import SCHEMA, UNDER_WAY, About, recorded
from aisuite.ops.evidence_shelf import list_evidence, show_evidence
from aisuite.ops.failover_drill import drill
from tests.unit.ops.drill_world import DrillWorld

KILL, PAUSE = CATALOGUE["kill"], CATALOGUE["pause"]
HOME = "/home/anna"


def about(world: DrillWorld, room: int = 0) -> About:
    return About("failover-drill", world.stack, {"aisuite": "1.2.3"}, HOME, room)


def record(world: DrillWorld, *faults: str) -> str:
    """Drill these faults, and return the id of the evidence."""
    deps = world.world.deps
    with recorded(about(world), deps) as recording:
        doors = replace(world.doors(), keep=recording.keep)
        report = drill(world.request(*(CATALOGUE[name] for name in faults)), deps, doors)
        recording.conclude({"success": report.success})
    return recording.id


def files_of(world: DrillWorld, one: str) -> dict[str, str]:
    prefix = f"evidence/{one}/"
    files = world.world.workdir.files
    return {name.removeprefix(prefix): text for name, text in files.items() if name.startswith(prefix)}


def report_of(world: DrillWorld, one: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files_of(world, one)["report.json"])
    return found


def test_a_drill_leaves_its_verdicts_what_clients_saw_and_where_it_was() -> None:
    world = DrillWorld()
    one = record(world, "kill")
    files = files_of(world, one)
    report = report_of(world, one)
    assert (report["schema"], report["outcome"], report["command"]) == (SCHEMA, "ended", "failover-drill")
    assert report["trials"][0]["outcome"] == "pass"
    assert report["success"] == 1.0
    assert report["versions"] == {"aisuite": "1.2.3"}
    assert report["config"]["files"].keys() == {"process.txt"}
    lines = [json.loads(line) for line in files["trials/01-kill/requests.jsonl"].splitlines()]
    assert {line["kind"] for line in lines} == {"plain", "stream"}
    assert files["trials/01-kill/timeline.svg"].startswith("<svg")
    assert "| kill | pass |" in files["report.md"]


def test_states_are_told_from_before_and_after() -> None:
    world = DrillWorld()
    report = report_of(world, record(world, "kill"))
    restarts = [
        {one["name"]: one["restarts"] for one in report[when]["services"]}["inference-chat"]
        for when in ("before", "after")
    ]
    assert restarts == [0, 1]
    assert report["after"]["gpu"] == []


def test_a_fault_that_cannot_be_made_is_listed_and_has_no_folder() -> None:
    world = DrillWorld()
    world.faults.not_here = {PAUSE.action: "no such thing here"}
    files = files_of(world, record(world, "kill", "pause"))
    assert "| pause | not available here | no such thing here |" in files["report.md"]
    assert not any(name.startswith("trials/02") for name in files)


def test_no_secret_and_no_home_stands_in_any_file() -> None:
    world = DrillWorld()
    key = world.world.workdir.files["secrets/service_key"] = "a key/with = signs"
    with recorded(about(world), world.world.deps) as recording:
        recording.conclude({"told": [f"{key} in {HOME}/models/x.gguf", quote(key), b64encode(key.encode()).decode()]})
    files = files_of(world, recording.id)
    assert report_of(world, recording.id)["told"] == ["[redacted] in ~/models/x.gguf", "[redacted]", "[redacted]"]
    assert not [name for name, text in files.items() if key in text or HOME in text]


@pytest.mark.parametrize(("raised", "outcome"), [(KeyboardInterrupt(), "interrupted"), (DiskFull("full"), "full")])
def test_what_was_found_before_a_drill_ended_early_is_kept(raised: BaseException, outcome: str) -> None:
    world = DrillWorld()
    deps = world.world.deps

    def run() -> None:
        with recorded(about(world), deps) as recording:
            drill(world.request(KILL), deps, replace(world.doors(), keep=recording.keep))
            raise raised

    with pytest.raises(type(raised)):
        run()
    (kept,) = list_evidence(deps.workdir, deps.host)
    report = report_of(world, kept.id)
    assert (report["outcome"], kept.outcome, kept.found) == (outcome, outcome, "1 pass")
    assert [trial["fault"] for trial in report["trials"]] == ["kill"]


def test_a_drill_that_is_refused_leaves_no_evidence() -> None:
    world = DrillWorld()
    deps = world.world.deps
    world.world.workdir.holder = "up"
    with pytest.raises(ProjectLocked), recorded(about(world), deps):
        drill(world.request(KILL), deps, world.doors())
    assert list_evidence(deps.workdir, deps.host) == ()


def test_a_full_disk_is_told_before_anything_is_broken() -> None:
    world = DrillWorld()
    with pytest.raises(DiskFull, match="the evidence may take"), recorded(about(world, 2**60), world.world.deps):
        raise AssertionError("the block must not begin")
    assert world.faults.done == []


def test_until_it_ends_a_drill_is_under_way() -> None:
    world = DrillWorld()
    with recorded(about(world), world.world.deps) as recording:
        recording.conclude({"success": 1.0})
        (kept,) = list_evidence(world.world.workdir, world.world.deps.host)
    assert kept.outcome == UNDER_WAY


def test_a_drill_whose_process_is_gone_was_killed() -> None:
    world = DrillWorld()
    host = world.world.deps.host
    with recorded(about(world), world.world.deps) as recording:
        recording.conclude({"success": 1.0})
        host.process = "4242-101"  # type: ignore[attr-defined]
        (kept,) = list_evidence(world.world.workdir, host)
    assert kept.outcome == "killed"
    (kept,) = list_evidence(world.world.workdir, host)
    assert kept.outcome == "ended"


def test_the_verdict_of_each_kind_of_command_is_on_the_shelf() -> None:
    world = DrillWorld()
    deps = world.world.deps
    for result in ({"verdict": "degraded"}, {"counts": {"pass": 16, "warn": 0, "fail": 1}}, {"success": None}):
        with recorded(about(world), deps) as recording:
            recording.conclude(result)
    found = [one.found for one in list_evidence(deps.workdir, deps.host)]
    assert sorted(found) == ["", "16 pass, 1 fail", "degraded"]


def test_two_commands_of_one_second_do_not_share_a_folder() -> None:
    world = DrillWorld()
    deps = world.world.deps
    ids = []
    for _ in range(2):
        with recorded(about(world), deps) as recording:
            recording.conclude({"success": 1.0})
        ids.append(recording.id)
    assert ids[1] == f"{ids[0]}-2"


def test_the_shelf_shows_the_newest_or_what_an_id_begins_with() -> None:
    world = DrillWorld()
    workdir = world.world.workdir
    first, second = record(world, "kill"), record(world, "hang")
    assert [one.id for one in list_evidence(workdir, world.world.deps.host)] == [second, first]
    assert show_evidence(workdir).id == second
    assert show_evidence(workdir, first[:-16]).id == first
    assert show_evidence(workdir, first).report["trials"][0]["fault"] == "kill"


def test_what_is_no_evidence_is_not_listed() -> None:
    world = DrillWorld()
    workdir = world.world.workdir
    workdir.write({"evidence/a/report.json": "{", "evidence/b/report.json": '{"schema": "other/1"}', "evidence/c": ""})
    assert list_evidence(workdir, world.world.deps.host) == ()


@pytest.mark.parametrize(("wanted", "words"), [("x", "there is no report 'x'"), ("2", "2 reports begin with '2'")])
def test_an_id_that_means_none_or_several_is_refused(wanted: str, words: str) -> None:
    world = DrillWorld()
    record(world, "kill")
    record(world, "hang")
    with pytest.raises(UsageError, match=words):
        show_evidence(world.world.workdir, wanted)


def test_where_nothing_was_kept_the_shelf_says_so() -> None:
    with pytest.raises(UsageError, match="there is no evidence in"):
        show_evidence(DrillWorld().world.workdir)
