"""A restore ends in exactly the old or exactly the new state, whatever becomes of it."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from aisuite.bundle import JOURNAL
from aisuite.bundle.kept_state import FILE
from aisuite.bundle.restore_steps import Step
from aisuite.errors import (
    BundleDamaged,
    DiskFull,
    NotRunning,
    ProjectLocked,
    RestoreFailed,
    RestoreRefused,
    StateUnwritable,
    UsageError,
)
from aisuite.ops.generations import begin_generation, current_number, enter_generation, read_files, read_generation
from aisuite.ops.restore import RestoreRequest, plan_restore, restore_bundle, resume_restore, undo_restore
from aisuite.ops.up import UpRequest, up
from tests.fakes.engine import Program
from tests.fakes.host import FakeHost
from tests.unit.ops.restore_rig import RECONCILE, Killed, Project, all_of, die_in_restore, let_die, make_project

pytestmark = pytest.mark.usefixtures("quick_disk")

LATER = {"compose.yaml": "services: {}"}  # what a later `up` has rendered
NO_WAY_BACK = ("restore.tidy", "restore.removed")  # only what is left of the old state was still to be removed


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "suite")


def test_everything_that_a_service_declares_comes_back_and_what_came_later_goes(project: Project) -> None:
    then, bundle = project.content(), project.take()
    project.change()

    report = project.restore(bundle)

    assert project.content() == then
    assert project.leftovers() == []
    assert len(project.store.points) == 2
    assert project.running() == {"vectors", "diary", "embedding"}
    assert [one.url for one in project.chat.sent] == [RECONCILE]
    assert report.restore.safety in project.shelf.list()


def test_the_safety_backup_brings_the_state_before_the_restore_back(project: Project) -> None:
    bundle = project.take()
    project.change()
    before = project.content()

    safety = project.restore(bundle).restore.safety
    assert safety is not None
    project.restore(safety)

    assert project.content() == before
    assert project.leftovers() == []


def test_writers_are_stopped_while_databases_are_exchanged_and_others_are_left_alone(project: Project) -> None:
    project.restore(project.take())

    assert project.engine.calls == ["stop diary", "stop diary", "open", "start diary"]


def test_a_stopped_stack_is_restored_and_is_stopped_again(project: Project) -> None:
    then, bundle = project.content(), project.take()
    project.change()
    project.engine.close()

    project.restore(bundle)

    assert project.content() == then
    assert project.running() == set()
    assert [one.url for one in project.chat.sent] == [RECONCILE]


def test_only_what_was_asked_for_is_restored(project: Project) -> None:
    then, bundle = project.content(), project.take()
    project.change()
    changed = project.content()

    project.restore(bundle, "vectors")

    now = project.content()
    assert now["alias notes"] == then["alias notes"]
    assert now["pages.db"] == changed["pages.db"]


def test_the_configuration_becomes_a_generation_to_roll_back_to(project: Project) -> None:
    bundle = project.take()
    project.change()
    changed, workdir = project.content(), project.doors.deps.workdir
    later = {**LATER, FILE: (project.folder / FILE).read_text()}
    number = begin_generation(project.stack, later, project.doors.deps, fetched=False, bundle=None)
    assert number == 2
    enter_generation(number, workdir, good=True)

    report = project.restore(bundle, "config")

    assert report.restore.generation == 1
    assert project.content() == changed
    assert read_files(workdir, read_generation(workdir, 1)) == {FILE: later[FILE]}
    assert project.leftovers() == []


def test_a_configuration_that_is_nowhere_any_more_becomes_a_new_generation(project: Project) -> None:
    bundle = project.take()
    (project.folder / FILE).write_text((project.folder / FILE).read_text().replace("2", "3"))
    workdir = project.doors.deps.workdir
    files = {FILE: (project.folder / FILE).read_text()}
    number = begin_generation(project.stack, files, project.doors.deps, fetched=False, bundle=None)
    assert number == 2
    enter_generation(number, workdir, good=True)
    workdir.remove("gen/1")

    assert project.restore(bundle, "config").restore.generation == 3
    assert current_number(workdir) == 2


def test_the_configuration_of_another_folder_is_laid_beside(project: Project, tmp_path: Path) -> None:
    bundle = project.take()
    other = make_project(tmp_path / "other")

    restored = restore_bundle(RestoreRequest(bundle, ("config",)), project.shelf, other.doors).restore

    assert restored.generation is None
    assert (other.folder / "restored" / bundle / FILE).read_text() == (project.folder / FILE).read_text()


def test_a_rehearsal_changes_nothing(project: Project) -> None:
    bundle = project.take()
    project.change()
    before, bundles = project.content(), project.shelf.list()

    report = plan_restore(RestoreRequest(bundle), project.shelf, project.doors)

    assert report.dry_run
    assert [Path(one.target).name for one in report.restore.items] == ["pages.db", "late.db", "pictures"]
    assert (project.content(), project.shelf.list(), project.engine.calls) == (before, bundles, [])


def refused(project: Project, bundle: str, error: type[Exception], words: str) -> None:
    """Hold a restore to being refused with nothing touched."""
    before, bundles = project.content(), project.shelf.list()
    with pytest.raises(error, match=words):
        project.restore(bundle)
    assert (project.content(), project.shelf.list(), project.engine.calls) == (before, bundles, [])
    assert not (project.folder / JOURNAL).exists()


def test_a_damaged_backup_is_refused(project: Project) -> None:
    bundle = project.take()
    file = project.shelf.path / bundle / "databases/diary/pages.db.zst"
    file.write_bytes(file.read_bytes()[:-1] + b"!")

    refused(project, bundle, BundleDamaged, r"pages\.db\.zst")


def test_a_backup_that_is_not_there_is_a_typo(project: Project) -> None:
    refused(project, "20200101T000000Z", UsageError, "20200101T000000Z")


def test_a_store_of_another_version_is_refused(project: Project) -> None:
    bundle = project.take()
    project.store.kind = "embedded 1.21.0"

    refused(project, bundle, RestoreRefused, r"1\.21\.0")


def test_a_database_with_a_newer_schema_than_the_service_here_is_refused(project: Project) -> None:
    for version in (3, 2):
        with sqlite3.connect(project.data / "pages.db") as database:
            database.execute(f"PRAGMA user_version = {version}")
        database.close()
        if version == 3:
            bundle = project.take()

    refused(project, bundle, RestoreRefused, "schema 2 here, and schema 3")


def test_a_disk_without_room_is_refused(project: Project) -> None:
    bundle = project.take()
    deps = replace(project.doors.deps, host=FakeHost(free=1000))
    project.doors = replace(project.doors, backup=replace(project.doors.backup, deps=deps))

    refused(project, bundle, DiskFull, "this restore needs")


def test_two_commands_do_not_restore_at_once(project: Project) -> None:
    bundle = project.take()
    with project.doors.deps.workdir.lock("up"):
        refused(project, bundle, ProjectLocked, "up")


def test_another_projects_backup_is_refused_unless_it_is_meant(project: Project, tmp_path: Path) -> None:
    then, bundle = project.content(), project.take()
    other = make_project(tmp_path / "other")
    state = (other.folder / "state.json").read_text().replace('"project": "aisuite"', '"project": "other"')
    (other.folder / "state.json").write_text(state)
    other.change()
    request = RestoreRequest(bundle)

    with pytest.raises(RestoreRefused, match="is of project aisuite, and this is other"):
        restore_bundle(request, project.shelf, other.doors)
    restore_bundle(replace(request, another=True), project.shelf, other.doors)

    assert other.content() == then


@pytest.mark.parametrize("left", [resume_restore, undo_restore])
def test_without_a_restore_that_was_cut_off_there_is_nothing_to_end(project: Project, left: object) -> None:
    with pytest.raises(UsageError, match="no restore was cut off"):
        left(project.doors)  # type: ignore[operator]


def test_a_step_that_fails_is_taken_back_with_all_before_it(project: Project) -> None:
    bundle = project.take()
    project.change()
    before = project.content()
    project.engine.programs["diary"] = Program(never_ready=True)

    with pytest.raises(RestoreFailed, match="diary did not come up"):
        project.restore(bundle)

    assert project.content() == before
    assert (project.folder / JOURNAL).exists()  # the old service does not come up either: that is for a person
    project.engine.programs.clear()
    undo_restore(project.doors)
    assert project.content() == before
    assert project.leftovers() == []


def test_a_failure_that_can_be_taken_back_is(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = project.take()
    project.change()
    before = project.content()

    def full(*_: object) -> None:
        raise StateUnwritable("the disk has failed")

    monkeypatch.setattr(type(project.doors.places), "exchange", full)
    with pytest.raises(RestoreFailed, match="everything is as before: the disk has failed"):
        project.restore(bundle)

    assert project.content() == before
    assert project.leftovers() == []
    assert project.running() == {"vectors", "diary", "embedding"}


def test_a_collection_that_comes_back_with_another_content_is_not_put_in_force(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = project.take()
    project.change()
    before = project.content()
    original = type(project.store).upload

    def spoil(store: object, snapshot: Path, collection: str) -> None:
        original(store, snapshot, collection)  # type: ignore[arg-type]
        project.store.points[collection] = dict.fromkeys(project.store.points[collection], "spoilt")

    monkeypatch.setattr(type(project.store), "upload", spoil)
    with pytest.raises(RestoreFailed, match="came back with another content"):
        project.restore(bundle)

    assert project.content() == before


def cut_off(
    project: Project, where: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, object], dict[str, object]]:
    """Let a restore die at a failpoint; return what was in the backup and what was there before it."""
    let_die(monkeypatch, None)
    new, bundle = project.content(), project.take()
    project.change()
    old = project.content()
    die_in_restore(project, bundle, where, monkeypatch)
    return new, old


def places_of_death(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return every place at which a whole restore can die behind its first journal."""
    project = make_project(tmp_path / "whole")
    bundle = project.take()
    project.change()
    passed = let_die(monkeypatch, None)
    project.restore(bundle)
    # In the middle of the safety backup nothing has been touched: two of its places stand for the others.
    return [place for place in all_of(passed) if place.startswith(("restore.", "backup.publish", "backup.verify"))]


def ends_whole(project: Project, content: dict[str, object]) -> bool:
    return project.content() == content and project.leftovers() == [] and len(project.running()) == 3


def test_killed_anywhere_it_is_finished_or_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = places_of_death(tmp_path, monkeypatch)
    assert {f"restore.{step}:1" for step in Step} <= set(places)

    for number, place in enumerate(places):
        project = make_project(tmp_path / f"resumed-{number}")
        new, _ = cut_off(project, place, monkeypatch)
        resume_restore(project.doors)
        assert ends_whole(project, new), place

        project = make_project(tmp_path / f"undone-{number}")
        _, old = cut_off(project, place, monkeypatch)
        if place.startswith(NO_WAY_BACK):
            with pytest.raises(UsageError, match="is in force"):
                undo_restore(project.doors)
            continue
        undo_restore(project.doors)
        assert ends_whole(project, old), place


def test_killed_while_it_is_taken_back_it_is_taken_back_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path / "whole")
    cut_off(project, "restore.reconcile", monkeypatch)
    passed = let_die(monkeypatch, None)
    undo_restore(project.doors)
    places = all_of(passed)
    assert len(places) > 10

    for number, place in enumerate(places):
        project = make_project(tmp_path / f"undone-{number}")
        _, old = cut_off(project, "restore.reconcile", monkeypatch)
        let_die(monkeypatch, place)
        with pytest.raises(Killed):
            undo_restore(project.doors)
        let_die(monkeypatch, None)
        with pytest.raises(UsageError, match="taken back already"):
            resume_restore(project.doors)
        undo_restore(project.doors)
        assert ends_whole(project, old), place


def test_nobody_writes_into_what_a_restore_that_was_cut_off_has_left(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, deps = UpRequest(replace(project.stack, models=())), project.doors.deps
    cut_off(project, "restore.place", monkeypatch)

    for command in (project.take, lambda: project.restore(project.shelf.list()[0]), lambda: up(request, deps)):
        with pytest.raises(RestoreRefused, match="cut off at the step place"):
            command()


def test_services_that_were_stopped_by_hand_are_not_needed_to_take_a_restore_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, old = cut_off(project, "restore.start", monkeypatch)
    project.engine.close()

    undo_restore(project.doors)

    assert ends_whole(project, old)


def test_a_project_that_was_never_brought_up_cannot_be_restored_into(project: Project) -> None:
    bundle = project.take()
    (project.folder / "current").unlink()

    with pytest.raises((RestoreFailed, NotRunning), match="brought up"):
        project.restore(bundle)
