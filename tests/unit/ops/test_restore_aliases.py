"""Clients get the restored collections when the services behind them are healthy, and never a mixture that stays."""

from pathlib import Path

import pytest

from aisuite.ops.restore import undo_restore
from aisuite.stack.model import Service
from tests.unit.ops.restore_rig import RECONCILE, Killed, Project, let_die, make_project

pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "suite")


def let_diary_write(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the diary, as soon as it is started, work on what its databases say: into the collections that it finds."""
    start = project.engine.start

    def starting(service: Service, labels: object) -> object:
        if service.name == "diary":
            project.store.points[project.store.aliases["notes"]]["from-new-rows"] = "n"
            project.store.points["fresh-1"] = {"5": "e"}
            project.store.aliases["later"] = "fresh-1"
        return start(service, labels)  # type: ignore[arg-type]

    monkeypatch.setattr(project.engine, "start", starting)


def test_aliases_switch_when_what_was_stopped_is_healthy_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, switch = project.take(), project.store.switch
    ran: list[set[str]] = []

    def switching(aliases: dict[str, str | None]) -> None:
        ran.append(project.running())
        switch(aliases)

    monkeypatch.setattr(project.store, "switch", switching)
    project.restore(bundle)

    assert ran == [{"vectors", "diary", "embedding"}]


def test_what_a_service_writes_before_the_switch_is_not_in_the_new_state(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    then, bundle = project.content(), project.take()
    project.change()
    let_diary_write(project, monkeypatch)

    project.restore(bundle)

    assert project.content() == then


@pytest.mark.parametrize("place", ["restore.aliases", "restore.reconcile"])
def test_what_a_service_writes_before_the_switch_is_reconciled_when_it_is_taken_back(
    project: Project, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    bundle = project.take()
    project.change()
    with monkeypatch.context() as cut:
        let_diary_write(project, cut)
        let_die(cut, place)
        with pytest.raises(Killed):
            project.restore(bundle)

    undo_restore(project.doors)

    assert [one.url for one in project.chat.sent] == [RECONCILE]
    assert "fresh-1" not in project.store.points
    assert project.store.aliases == {"notes": "notes-1", "later": "later-1"}


def test_a_restore_that_started_nothing_yet_is_taken_back_without_reconciling(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = project.take()
    with monkeypatch.context() as cut:
        let_die(cut, "restore.config")
        with pytest.raises(Killed):
            project.restore(bundle)

    undo_restore(project.doors)

    assert project.chat.sent == []
