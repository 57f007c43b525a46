"""An upgrade ends new and well, or as it was before."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from aisuite.errors import BackupFailed, DownloadFailed, NotReady, StepFailed
from aisuite.ops.generations import current_number
from aisuite.ops.status import status
from aisuite.ops.up import UpRequest, up
from aisuite.ops.upgrade import UpgradeReport, UpgradeRequest, upgrade
from aisuite.ops.upgrade_journal import Pending, read_upgrade
from aisuite.stack.model import Stack
from tests.fakes.images import FakeImages
from tests.unit.ops.deps import World
from tests.unit.ops.generation_world import STACK, Backups, changeable_world, changed
from tests.unit.ops.test_rollback import DATABASE, in_containers, keeping

NEWER = changed(STACK, "rag", "--topk", "9")


def brought_up(world: World, stack: Stack = STACK) -> World:
    up(UpRequest(stack), world.deps)
    world.engine.calls.clear()
    return world


def change(world: World, stack: Stack, backups: Backups | None = None, **request: bool) -> UpgradeReport:
    request_ = UpgradeRequest(UpRequest(stack, **request), window=5)  # type: ignore[arg-type]
    return upgrade(request_, world.deps, backups or Backups())


def test_it_saves_before_it_changes_and_ends_in_the_new_generation() -> None:
    world, backups = brought_up(changeable_world()), Backups()

    class Watching(Backups):
        def save(self) -> str:
            assert world.engine.calls == []
            return super().save()

    backups = Watching()
    report = change(world, NEWER, backups)
    assert (report.exit_code, report.before, report.bundle) == (0, 1, "20261121T141500Z")
    assert backups.said == ["save"]
    assert current_number(world.workdir) == 2
    assert world.workdir.read("process/rag") == "rag --port 8002 --topk 9"
    assert read_upgrade(world.workdir) is None


def test_with_nothing_to_change_nothing_is_saved() -> None:
    world, backups = brought_up(changeable_world()), Backups()
    report = change(world, STACK, backups)
    assert report.nothing_to_do
    assert (backups.said, world.engine.calls) == ([], [])


def test_a_dry_run_tells_the_plan_and_touches_nothing() -> None:
    world, backups = brought_up(changeable_world()), Backups()
    files = dict(world.workdir.files)
    report = change(world, NEWER, backups, dry_run=True)
    assert report.up is not None
    assert [step.id for step in report.up.plan.steps] == ["recreate rag"]
    assert (backups.said, world.engine.calls, world.workdir.files) == ([], [], files)


@pytest.mark.parametrize("name", [one.name for one in STACK.services])
@pytest.mark.parametrize("flag", ["--bad", "--late"])
def test_a_bad_flag_brings_the_old_generation_back_whoever_has_it(name: str, flag: str) -> None:
    world = brought_up(changeable_world())
    report = change(world, changed(STACK, name, flag))
    assert isinstance(report.failure, NotReady)
    assert report.failure.service == name
    assert report.exit_code == 5
    assert report.back is not None
    assert report.back.exit_code == 0
    assert status(world.deps).exit_code == 0
    assert current_number(world.workdir) == 1
    assert {one.fingerprint["command"] for one in world.engine.observe().services} == {
        " ".join(one.command) for one in STACK.services
    }
    assert read_upgrade(world.workdir) is None


def test_while_one_model_server_fails_the_other_is_not_touched() -> None:
    world = brought_up(changeable_world())
    report = change(world, changed(changed(STACK, "inference-chat", "--bad"), "inference-code", "--bad"))
    assert report.back is not None
    assert [call for call in world.engine.calls if "inference-code" in call] == []
    assert status(world.deps).exit_code == 0


def test_model_servers_change_one_after_another() -> None:
    world = brought_up(changeable_world())
    change(world, changed(changed(STACK, "inference-chat", "--x"), "inference-code", "--x"))
    order = [call for call in world.engine.calls if "inference" in call and call.startswith(("stop", "start"))]
    names = [call.split()[1] for call in order]
    assert names == sorted(names)


@pytest.mark.parametrize("ill", ["dies", "unready"])
def test_what_comes_up_and_does_not_stay_well_is_taken_back(ill: str) -> None:
    world = brought_up(changeable_world())
    clock = world.deps.clock
    sleep = clock.sleep

    def fall_ill(seconds: float) -> None:
        sleep(seconds)
        rag = world.engine.observe().find("rag")
        if seconds != 1.0 or rag is None or "--topk" not in rag.fingerprint["command"]:
            return
        if ill == "dies":
            world.engine.signal("rag", "KILL")
        else:
            world.engine.programs["rag"] = replace(world.engine.programs["rag"], never_ready=True)

    clock.sleep = fall_ill  # type: ignore[method-assign]
    report = change(world, NEWER)
    assert isinstance(report.failure, NotReady)
    assert report.failure.cause.startswith("it was ready, and ")
    assert current_number(world.workdir) == 1
    assert status(world.deps).exit_code == 0


def test_a_database_that_the_new_version_has_migrated_comes_back_from_the_backup() -> None:
    schemas = {DATABASE: 1}
    world, backups = brought_up(changeable_world(schemas), keeping(STACK)), Backups()
    start = world.engine.start

    def migrate(service, fingerprint):  # type: ignore[no-untyped-def]
        if "--bad" in service.command:
            schemas[DATABASE] = 2
        start(service, fingerprint)

    world.engine.start = migrate  # type: ignore[method-assign]
    report = change(world, changed(keeping(STACK), "rag", "--bad"), backups)
    assert backups.said == ["save", "restore 20261121T141500Z", "reconcile"]
    assert report.back is not None
    assert report.back.restored == "20261121T141500Z"
    assert status(world.deps).exit_code == 0


def test_killed_while_it_is_watched_it_can_be_taken_back() -> None:
    world = brought_up(changeable_world())
    world.deps.clock.sleep = lambda _: sys.exit("killed")  # type: ignore[method-assign]
    with pytest.raises(SystemExit):
        change(world, NEWER)
    assert read_upgrade(world.workdir) == Pending(1, "20261121T141500Z")


def test_a_second_try_keeps_the_way_back_over_what_a_killed_one_has_migrated() -> None:
    schemas = {DATABASE: 1}
    world = brought_up(changeable_world(schemas), keeping(STACK))
    newer = changed(keeping(STACK), "rag", "--bad")

    class Killed(BaseException):
        pass

    class Saving(Backups):
        def save(self) -> str:
            super().save()
            return "first" if schemas[DATABASE] == 1 else "second"

    start = world.engine.start

    def migrate(service, fingerprint):  # type: ignore[no-untyped-def]
        start(service, fingerprint)
        if "--bad" in service.command and schemas[DATABASE] == 1:
            schemas[DATABASE] = 2
            raise Killed

    world.engine.start = migrate  # type: ignore[method-assign]
    with pytest.raises(Killed):
        change(world, newer, Saving())
    backups = Saving()
    report = change(world, newer, backups)
    assert report.back is not None
    assert report.back.restored == "first"
    assert backups.said == ["save", "restore first", "reconcile"]


def test_without_a_backup_nothing_is_touched() -> None:
    world = brought_up(changeable_world())

    class Full(Backups):
        def save(self) -> str:
            raise BackupFailed("no space")

    with pytest.raises(BackupFailed):
        change(world, NEWER, Full())
    assert world.engine.calls == []
    assert current_number(world.workdir) == 1


def test_an_image_that_cannot_be_fetched_stops_no_service() -> None:
    world = changeable_world()
    world = replace(world, deps=replace(world.deps, images=FakeImages({"ghcr.io/someone/all:1": "here"})))
    stack = in_containers(STACK)
    brought_up(world, stack)
    newer = replace(stack, services=tuple(replace(one, image="ghcr.io/someone/all:2") for one in stack.services))
    report = change(world, newer)
    assert isinstance(report.failure, DownloadFailed)
    assert report.back is not None
    assert [call for call in world.engine.calls if call.startswith(("start", "stop"))] == []
    assert current_number(world.workdir) == 1
    assert read_upgrade(world.workdir) is None


def test_ctrl_c_takes_it_back_too() -> None:
    world = brought_up(changeable_world())
    start, done = world.engine.start, list[str]()

    def interrupted(service, fingerprint):  # type: ignore[no-untyped-def]
        start(service, fingerprint)
        if not done:
            done.append(service.name)
            raise KeyboardInterrupt

    world.engine.start = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        change(world, NEWER)
    assert current_number(world.workdir) == 1
    assert status(world.deps).exit_code == 0


def test_without_a_generation_that_was_well_there_is_no_upgrade() -> None:
    world = changeable_world()
    with pytest.raises(StepFailed, match="nothing whole to come back to"):
        change(world, NEWER)
    up(UpRequest(changed(STACK, "inference-code", "--bad")), world.deps)
    with pytest.raises(StepFailed, match="nothing whole to come back to"):
        change(world, NEWER)


def test_both_failures_are_told_when_the_old_generation_does_not_come_back() -> None:
    world = brought_up(changeable_world())
    start = world.engine.start

    def broken(service, fingerprint):  # type: ignore[no-untyped-def]
        if service.name == "rag":
            raise StepFailed(f"no room for {' '.join(service.command)}")
        start(service, fingerprint)

    world.engine.start = broken  # type: ignore[method-assign]
    with pytest.raises(StepFailed) as caught:
        change(world, NEWER)
    assert "the upgrade failed: no room for rag --port 8002 --topk 9" in caught.value.message
    assert "generation 1 did not come back: no room for rag --port 8002" in caught.value.message
    assert read_upgrade(world.workdir) is not None
