"""What upgrade and rollback say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aisuite.cli.app import run
from aisuite.cli.output import Output
from aisuite.cli.view import generations as view
from aisuite.ops.generations import current_number, list_generations
from aisuite.ops.rollback import RollbackRequest, rollback
from aisuite.ops.up import UpRequest, up
from aisuite.ops.upgrade import UpgradeReport, UpgradeRequest, upgrade
from aisuite.stack.model import Stack
from tests.docs.pages import REFERENCE, find_blocks
from tests.unit.ops.deps import World
from tests.unit.ops.generation_world import STACK, Backups, changeable_world, changed

NEWER = changed(STACK, "rag", "--topk", "9")
OUT = Output("rollback")


@pytest.fixture
def world() -> World:
    world = changeable_world()
    up(UpRequest(STACK), world.deps)
    return world


def change(world: World, stack: Stack, **request: bool) -> UpgradeReport:
    wanted = UpgradeRequest(UpRequest(stack, **request), window=0)  # type: ignore[arg-type]
    return upgrade(wanted, world.deps, Backups())


def examples(schema: str) -> list[set[str]]:
    """Return the fields of the documented examples of a schema."""
    found = (json.loads(one.text) for one in find_blocks(REFERENCE / "json.md") if one.language == "json")
    return [set(one) - {"schema", "ok", "exit_code"} for one in found if one["schema"] == schema]


def test_a_good_upgrade_tells_the_way_back(world: World) -> None:
    report = change(world, NEWER)
    assert view.upgrade_text(report).splitlines() == [
        "generation 2 is up and stayed well; done in 0.0 s",
        "saved before: 20261121T141500Z",
        "back to what was before: aisuite rollback 1",
    ]
    assert view.upgrade_json(report)["generation"] == 2


def test_an_upgrade_that_was_taken_back_tells_why_and_what_runs(world: World) -> None:
    report = change(world, changed(STACK, "rag", "--bad"))
    text = view.upgrade_text(report)
    assert text.startswith("TAKEN BACK: the upgrade failed: rag: ")
    assert "generation 1 (profile demo, 2023-11-14T22:13:20Z) is up again after" in text
    found = view.upgrade_json(report)
    assert (found["before"], found["generation"], found["failure"]["type"]) == (1, 1, "NotReady")
    assert found["back"]["changed"] == ["rag"]


def test_nothing_to_do_is_said(world: World) -> None:
    assert view.upgrade_text(change(world, STACK)) == "nothing to do: generation 1 is what the profile says"
    assert view.upgrade_text(change(world, STACK, dry_run=True)) == "nothing to do"


def test_a_dry_run_says_what_would_be_done_and_what_would_happen_should_it_fail(world: World) -> None:
    lines = view.upgrade_text(change(world, NEWER, dry_run=True)).splitlines()
    assert lines[0].startswith("recreate rag")
    assert lines[-1] == "a backup comes first; what fails brings generation 1 back by itself"


def test_the_list_says_which_were_good_and_which_is_current(world: World) -> None:
    up(UpRequest(changed(STACK, "inference-code", "--bad")), world.deps)
    up(UpRequest(NEWER), world.deps)
    text = view.list_text(list_generations(world.workdir), current_number(world.workdir), OUT)
    assert [line.rsplit("  ", 1)[1] for line in text.splitlines()] == ["IT WAS", "good", "never all up", "current"]
    assert view.list_text((), None, OUT) == "there is no generation yet: aisuite up makes the first"


def test_json_is_as_documented(world: World) -> None:
    assert examples("aisuite.upgrade/1") == [set(view.upgrade_json(change(world, NEWER)))]
    back = rollback(RollbackRequest(), world.deps, Backups())
    listed = view.list_json(list_generations(world.workdir), 1)
    assert examples("aisuite.rollback/1") == [set(view.rollback_json(back)), set(listed)]


def test_a_folder_without_generations_has_an_empty_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["rollback", "--list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["generations"] == []
    assert run(["rollback"]) == 2
    assert "there is no generation in" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
