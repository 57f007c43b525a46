"""A damaged database is why a person restores: it stands in no restore's way, and is not thrown away."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisuite.ops.restore import resume_restore, undo_restore
from aisuite.plan.observed import State
from tests.fakes.engine import Program
from tests.unit.ops.restore_rig import Project, all_of, die_in_restore, let_die, make_project

pytestmark = pytest.mark.usefixtures("quick_disk")

WAYS = ("header", "page", "cut")
NO_WAY_BACK = ("restore.tidy", "restore.removed")


def damage(project: Project, way: str) -> bytes:
    """Damage a database; return what it is now."""
    place = project.data / "pages.db"
    whole = place.read_bytes()
    damaged = {
        "header": b"no database at all" + whole[18:],
        "page": whole[:4096] + b"\xff" * 64 + whole[4160:],
        "cut": whole[: len(whole) // 2 + 100],
    }[way]
    place.write_bytes(damaged)
    return damaged


@pytest.mark.parametrize("way", WAYS)
def test_a_restore_replaces_a_damaged_database_and_keeps_it_as_it_lies(tmp_path: Path, way: str) -> None:
    project = make_project(tmp_path / "suite")
    then, bundle = project.content(), project.take()
    project.change()
    damaged = damage(project, way)

    restore = project.restore(bundle).restore

    remains = project.data / f"pages.db.damaged-{restore.id}"
    assert remains.read_bytes() == damaged
    assert restore.damaged == (str(project.data / "pages.db"),)
    remains.unlink()
    assert project.content() == then
    assert project.leftovers() == []
    assert restore.safety is not None
    assert [one.file for one in project.shelf.check(restore.safety).databases] == ["databases/diary/late.db.zst"]


def test_a_damaged_database_that_is_not_to_be_restored_is_left_alone(tmp_path: Path) -> None:
    project = make_project(tmp_path / "suite")
    bundle = project.take()
    damaged = damage(project, "header")

    restore = project.restore(bundle, "vectors").restore

    assert restore.safety is not None
    assert (project.data / "pages.db").read_bytes() == damaged
    assert [one.name for one in project.data.glob("*.damaged-*")] == []


def state_of(project: Project, name: str) -> State:
    (found,) = [one.state for one in project.engine.observe().services if one.name == name]
    return found


def let_it_break(project: Project) -> str:
    """Damage what the diary keeps, so that it tries to run and cannot; return a backup from before."""
    bundle = project.take()
    damage(project, "header")
    project.engine.programs["diary"] = Program(dies=1)
    project.engine.start(project.stack.service("diary"), {})
    return bundle


def test_a_service_that_could_not_run_on_a_damaged_database_runs_behind_the_restore(tmp_path: Path) -> None:
    project = make_project(tmp_path / "suite")
    bundle = let_it_break(project)
    project.engine.programs.clear()

    project.restore(bundle)

    assert state_of(project, "diary") is State.RUNNING


def test_a_version_that_could_not_run_is_not_waited_for_when_another_comes_behind_the_restore(tmp_path: Path) -> None:
    project = make_project(tmp_path / "suite")
    then = project.content()
    bundle = let_it_break(project)

    remains = Path(f"{project.data}/pages.db.damaged-{project.restore(bundle, reconcile=False).restore.id}")

    assert remains.exists()
    assert project.content() == then


def test_a_service_that_cannot_run_on_a_damaged_database_does_not_keep_a_restore_from_being_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path / "suite")
    _, old = cut_off(project, "restore.start", monkeypatch)
    project.engine.programs["diary"] = Program(dies=1)

    undo_restore(project.doors)

    assert look(project) == old
    assert state_of(project, "diary") is State.RESTARTING


def look(project: Project) -> dict[str, object]:
    """Return what lies there: of the damaged database byte for byte, of all else what its clients see."""
    damaged = {name: (project.data / name) for name in ("pages.db", "pages.db-wal")}
    lies = {name: place.read_bytes() for name, place in damaged.items()}
    aside = {name: place.rename(project.folder / name) for name, place in damaged.items()}
    try:
        return lies | project.content()
    finally:
        for name, place in aside.items():
            place.rename(damaged[name])


def cut_off(
    project: Project, where: str | None, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, object], dict[str, object]]:
    """Let a restore over a damaged database die; return what is in the backup, and what lay there before it."""
    let_die(monkeypatch, None)
    new, bundle = project.content(), project.take()
    project.change()
    damage(project, "header")
    (project.data / "pages.db-wal").write_bytes(b"what it has not taken in yet")
    old = look(project)
    die_in_restore(project, bundle, where, monkeypatch)
    return new, old


def places_of_death(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    project = make_project(folder)
    bundle = project.take()
    project.change()
    damage(project, "header")
    passed = let_die(monkeypatch, None)
    project.restore(bundle)
    return [place for place in all_of(passed) if place.startswith("restore.")]


def test_killed_anywhere_it_is_finished_or_what_was_damaged_lies_there_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = places_of_death(tmp_path / "whole", monkeypatch)
    assert len(places) > 10

    for number, place in enumerate(places):
        project = make_project(tmp_path / f"resumed-{number}")
        new, old = cut_off(project, place, monkeypatch)
        resumed = resume_restore(project.doors).restore
        remains = project.data / f"pages.db.damaged-{resumed.id}"
        assert remains.read_bytes() == old["pages.db"], place
        assert remains.with_name(remains.name + "-wal").read_bytes() == old["pages.db-wal"], place
        remains.unlink()
        assert project.content() == new, place

        if not place.startswith(NO_WAY_BACK):
            project = make_project(tmp_path / f"undone-{number}")
            _, old = cut_off(project, place, monkeypatch)
            undo_restore(project.doors)
            assert look(project) == old, place
