"""`backup list`, `verify`, `forget` and `schedule` on the command line."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.adapters.workdir import ProjectDir
from aisuite.bundle.kept_state import FILE, describe_state
from aisuite.bundle.retention import Kept
from aisuite.cli.app import run
from aisuite.cli.archive_doors import find_shelf
from aisuite.cli.generation_doors import ProjectData
from aisuite.cli.options import Session
from aisuite.cli.output import Output
from aisuite.cli.view.backup import backup_json, backup_text
from aisuite.ops.backup import BackupReport
from aisuite.ops.backup_age import METRICS
from aisuite.ops.backups import ForgetReport
from aisuite.ops.generations import begin_generation, enter_generation
from aisuite.ops.repository import StoredForgetReport
from aisuite.stack.model import BackupPolicy
from tests.fakes.bundles import put_bundle
from tests.fakes.damage import WAYS, Way
from tests.fakes.stacks import phase2_stack
from tests.unit.ops.generation_world import changeable_world

OLD, NEW = "20260101T030000Z", "20260201T030000Z-nightly"
CONTENT = {"config/state.json.zst": b"{}", "config/compose.yaml.zst": b"services: {}\n"}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BundleShelf:
    monkeypatch.chdir(tmp_path)
    for name in ("AISUITE_PROJECT", "COMPOSE_PROJECT_NAME", "AISUITE_STATE"):
        monkeypatch.delenv(name, raising=False)
    shelf = BundleShelf(tmp_path / ".aisuite" / "aisuite" / "backups")
    for bundle in (OLD, NEW):
        put_bundle(shelf, bundle, CONTENT, project="aisuite")
    return shelf


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_backups_are_listed_newest_first_with_size_age_and_level(
    shelf: BundleShelf, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["backup", "verify", OLD]) == 0
    capsys.readouterr()
    assert run(["backup", "list"]) == 0
    head, first, second = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head == ["ID", "PROJECT", "AGE", "SIZE", "VERIFIED"]
    assert (first[0], first[-1], second[0], second[-1]) == (NEW, "no", OLD, "full")


def test_damage_is_seen_in_the_list(shelf: BundleShelf, capsys: pytest.CaptureFixture[str]) -> None:
    (shelf.path / NEW / "manifest.json").write_text("{}")
    assert run(["backup", "list"]) == 0
    assert f"backup {NEW} is damaged: manifest.json" in capsys.readouterr().out


def test_without_a_backup_the_list_says_how_to_make_one(
    tmp_path: Path, shelf: BundleShelf, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["backup", "list", "--from", "elsewhere"]) == 0
    assert capsys.readouterr().out == f"there is no backup in {tmp_path / 'elsewhere'}: aisuite backup\n"


def test_without_an_id_the_newest_is_verified_and_the_metric_written(
    shelf: BundleShelf, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["backup", "verify", "--level", "quick", "--json"]) == 0
    found = told(capsys)
    assert (found["id"], found["verified"]["level"], found["files"]) == (NEW, "quick", 2)
    metrics = (shelf.path.parent / METRICS).read_text()
    assert 'aisuite_last_verified_backup_timestamp_seconds{project="aisuite"} 1769914800' in metrics


@pytest.mark.parametrize("way", WAYS[::3], ids=lambda way: way.__name__)
def test_a_damaged_backup_is_exit_code_7_one_message_and_no_traceback(
    shelf: BundleShelf, capsys: pytest.CaptureFixture[str], way: Way
) -> None:
    put_bundle(shelf, "20260301T030000Z", project="aisuite")
    way(shelf.path / "20260301T030000Z", Random(1))
    assert run(["backup", "verify", "20260301T030000Z"]) == 7
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: backup 20260301T030000Z is damaged: ")
    assert captured.err.count("\n") == 2
    assert "hint:  aisuite backup list" in captured.err


def test_forget_says_what_it_would_do_and_does_it(shelf: BundleShelf, capsys: pytest.CaptureFixture[str]) -> None:
    run(["backup", "verify", NEW])
    capsys.readouterr()
    assert run(["backup", "forget", "--keep-last", "1", "--dry-run"]) == 0
    assert f"remove  {OLD}\nwould remove 1 backup" in capsys.readouterr().out
    assert shelf.list() == (OLD, NEW)
    assert run(["backup", "forget", "--keep-last", "1", "--json"]) == 0
    assert told(capsys)["removed"] == [OLD]
    assert shelf.list() == (NEW,)


@pytest.mark.parametrize(
    "words",
    [
        ["forget"],
        ["forget", "--keep-within", "7w"],
        ["forget", "--keep-last", "-1"],
        ["verify", "2026"],
        ["verify", "--level", "thorough"],
        ["verify", "../../etc"],
        ["schedule", "--at", "25:00"],
        ["schedule", "--on", "someday"],
        ["schedule", "--with", "at"],
        ["schedule", "--with", "cron", "--keep-within", "7w"],
    ],
)
def test_what_cannot_be_meant_is_exit_code_2(
    shelf: BundleShelf, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert run(["backup", *words]) == 2
    assert "hint:" in capsys.readouterr().err
    assert shelf.list() == (OLD, NEW)


def test_a_schedule_is_printed_and_not_set_without_yes(
    shelf: BundleShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert run(["backup", "schedule", "--with", "systemd", "--to", "disk", "--at", "04:30"]) == 0
    shown = capsys.readouterr().out
    assert "OnCalendar=*-*-* 04:30:00" in shown
    assert f"--state {tmp_path / '.aisuite'} --quiet --to {tmp_path / 'disk'}\n" in shown
    assert shown.endswith("nothing is set yet: add --yes\n")
    assert not (tmp_path / "config").exists()


def test_a_schedule_without_rules_removes_nothing(shelf: BundleShelf, capsys: pytest.CaptureFixture[str]) -> None:
    none = ["--keep-daily", "0", "--keep-weekly", "0", "--keep-monthly", "0"]
    assert run(["backup", "schedule", "--with", "cron", *none]) == 0
    assert "forget" not in capsys.readouterr().out
    assert run(["backup", "schedule", "--with", "cron", *none, "--keep-within", "1m"]) == 0
    assert " backup forget --keep-within 1m --project" in capsys.readouterr().out


def say(shelf: BundleShelf, **backup: Any) -> None:
    """Let the project's profile have said this of backups."""
    stack = replace(phase2_stack(), backup=BackupPolicy(**backup))
    (shelf.path.parent / FILE).write_text(describe_state(stack))


def test_a_schedule_leaves_the_rules_to_the_profile_that_has_some(
    shelf: BundleShelf, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["backup", "schedule", "--with", "cron"]
    run(words)
    assert " backup forget --keep-daily 7 --keep-weekly 4 --keep-monthly 6 --project" in capsys.readouterr().out
    say(shelf, keep_last=3)
    run(words)
    assert "forget" not in capsys.readouterr().out
    run([*words, "--keep-daily", "2"])
    assert " backup forget --keep-daily 2 --project" in capsys.readouterr().out
    run([*words, "--to", "disk"])  # where the profile's rules remove nothing
    assert " backup forget --keep-daily 7 " in capsys.readouterr().out


def test_the_folder_that_the_profile_names_is_the_shelf(
    shelf: BundleShelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    say(shelf, folder=str(tmp_path / "disk"))
    put_bundle(BundleShelf(tmp_path / "disk"), "20260301T030000Z", project="aisuite")
    assert run(["backup", "list", "--json"]) == 0
    found = told(capsys)
    assert (found["folder"], [one["id"] for one in found["backups"]]) == (str(tmp_path / "disk"), ["20260301T030000Z"])


def test_a_rollback_finds_its_backup_where_the_profile_let_it_lie_then(shelf: BundleShelf, tmp_path: Path) -> None:
    workdir = ProjectDir(shelf.path.parent)
    deps = replace(changeable_world().deps, workdir=workdir)
    for folder in (None, str(tmp_path / "disk"), str(tmp_path / "another")):
        stack = replace(phase2_stack(), backup=BackupPolicy(folder=folder))
        number = begin_generation(stack, {FILE: describe_state(stack)}, deps, fetched=False, bundle=None)
        assert number is not None
        enter_generation(number, workdir, good=True)
        workdir.write({FILE: describe_state(stack)})
    put_bundle(BundleShelf(tmp_path / "disk"), "20260301T030000Z", project="aisuite")
    session = Session(Output("rollback"), "aisuite", Path(".aisuite"))
    data = ProjectData(session)
    assert (data.holds("20260301T030000Z"), data.holds(OLD), data.holds("20260401T030000Z")) == (True, True, False)
    assert [one.path for one in (find_shelf(session, OLD), find_shelf(session, "20260301T030000Z")) if one] == [
        shelf.path,
        tmp_path / "disk",
    ]


@pytest.fixture
def restic(shelf: BundleShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a program called restic know of the newest backup."""
    program = tmp_path / "bin" / "restic"
    program.parent.mkdir()
    tags = ["aisuite", "project:aisuite"]
    listed = [
        {"id": name * 12, "hostname": "here", "paths": [f"{shelf.path}/{bundle}"], "tags": tags}
        for name, bundle in (("0", OLD), ("1", NEW))
    ]
    copied = f'[ "$1" = restore ] && exec cp -r {tmp_path}/.aisuite/aisuite/backups/{NEW} "$4"'
    noted = f'[ "$1" = snapshots ] || echo "$@" >> {tmp_path}/asked'
    program.write_text(f"#!/bin/sh\n{noted}\n{copied}\necho '{json.dumps(listed)}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("RESTIC_HOST", "here")
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("RESTIC_REPOSITORY", "/away")


@pytest.mark.process
@pytest.mark.usefixtures("restic")
def test_a_repository_is_listed_and_verified_where_it_lies(
    shelf: BundleShelf, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["backup", "list", "--engine", "restic"]) == 0
    head, row, _ = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head == ["ID", "PROJECT", "HOST", "AGE", "SNAPSHOT"]
    assert (*row[:3], row[-1]) == (NEW, "aisuite", "here", "11111111")
    assert run(["backup", "list", "--engine", "restic", "--json"]) == 0
    assert [one["snapshot"] for one in told(capsys)["backups"]] == ["1" * 12, "0" * 12]
    assert run(["backup", "verify", "--engine", "restic", "--json"]) == 0
    assert (told(capsys)["id"], shelf.verified(NEW)) == (NEW, None)


@pytest.mark.process
@pytest.mark.usefixtures("restic")
def test_a_repository_forgets_by_the_rules_that_were_given_or_else_the_profiles(
    shelf: BundleShelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["backup", "forget", "--engine", "restic"]
    assert run(words) == 2
    assert "say what to keep" in capsys.readouterr().err
    say(shelf, keep_last=1)
    assert run([*words, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"keep    {NEW}  (newest verified, last)",
        f"remove  {OLD}",
        "would remove 1 backup; to give back the space: restic prune",
    ]
    assert not (tmp_path / "asked").exists()
    assert run([*words, "--keep-last", "1", "--prune", "--json"]) == 0
    report = told(capsys)
    assert (report["removed"], report["left_alone"], report["pruned"]) == ([OLD], [], True)
    assert (tmp_path / "asked").read_text().splitlines() == [f"forget -- {'0' * 12}", "prune"]
    assert shelf.list() == (OLD, NEW)


def test_the_profiles_rules_are_not_about_other_folders(shelf: BundleShelf, capsys: pytest.CaptureFixture[str]) -> None:
    run(["backup", "verify", NEW])
    say(shelf, keep_last=1)
    assert run(["backup", "forget", "--from", str(shelf.path)]) == 2
    assert run(["backup", "forget", "--keep-last", "0"]) == 2
    assert run(["backup", "forget", "--prune"]) == 2
    assert shelf.list() == (OLD, NEW)
    assert run(["backup", "forget"]) == 0
    assert shelf.list() == (NEW,)


def test_a_schedule_gives_back_the_space_of_a_repository(
    shelf: BundleShelf, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["backup", "schedule", "--with", "cron"]
    say(shelf, engine="restic")
    run(words)
    given = "--keep-daily 7 --keep-weekly 4 --keep-monthly 6"
    shown = capsys.readouterr().out
    assert f" backup forget {given} --project" in shown
    assert f" backup forget --engine restic --prune {given} --project" in shown
    say(shelf, engine="restic", keep_last=3)
    run(words)
    shown = capsys.readouterr().out
    assert " backup forget --engine restic --prune --project" in shown
    assert shown.count(" backup forget ") == 1
    run([*words, "--to", "disk"])
    there = f"--quiet --from {shelf.path.parents[2] / 'disk'}"
    assert re.search(rf" backup forget --engine restic --prune --keep-daily 7 .* {there}", capsys.readouterr().out)
    run([*words, "--keep-last", "0"])
    assert "forget" not in capsys.readouterr().out


def test_a_folder_and_a_repository_cannot_both_be_meant(shelf: BundleShelf, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["backup", "list"], ["backup", "verify"], ["restore", OLD, "--yes"]):
        assert run([*words, "--engine", "restic", "--from", str(shelf.path)]) == 2
        assert run([*words, "--engine", "tar"]) == 2


def test_a_state_that_cannot_be_read_hides_no_backup(shelf: BundleShelf, capsys: pytest.CaptureFixture[str]) -> None:
    (shelf.path.parent / FILE).write_text("{")
    assert run(["backup", "list", "--json"]) == 0
    assert [one["id"] for one in told(capsys)["backups"]] == [NEW, OLD]


def test_what_the_profiles_rules_removed_is_told_with_the_backup(shelf: BundleShelf) -> None:
    forgot = ForgetReport((Kept(NEW, ("last",)),), (OLD,), 10, (), dry_run=False)
    report = BackupReport(shelf.manifest(NEW), shelf.path / NEW, 1.0, None, None, forgot=forgot)
    assert f"  removed, since no rule keeps them: {OLD}" in backup_text(report).splitlines()
    assert backup_json(report)["retention"]["removed"] == [OLD]
    assert backup_json(replace(report, forgot=None))["retention"] is None
    assert backup_json(report)["restic_retention"] is None
    stored = replace(report, forgot_stored=StoredForgetReport((), (OLD,), (), dry_run=False, pruned=False))
    assert f"  removed from the repository, too: {OLD}" in backup_text(stored).splitlines()
    assert backup_json(stored)["restic_retention"]["removed"] == [OLD]
