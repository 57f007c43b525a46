"""Timers of systemd and cron, with programs that only remember what they were told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from aisuite.adapters.timers import Crontab, SystemdTimers, find_timers, run_program
from aisuite.bundle.schedule import Schedule, render_cron, render_units
from aisuite.errors import StateUnwritable, UsageError
from aisuite.ops.schedule_backups import schedule_backups

NIGHTLY = Schedule("demo", (("aisuite", "backup"),), 3, 0)
OTHER = "0 5 * * * aisuite backup # aisuite backup demo-2"


@dataclass
class FakePrograms:
    """A crontab, and a systemctl that does as it is told."""

    lines: str | None = None  # None: the user has no crontab
    code: int = 0
    ran: list[str] = field(default_factory=list)

    def __call__(self, command: Sequence[str], given: str = "") -> tuple[int, str]:
        self.ran.append(" ".join(command))
        if self.code:
            return self.code, "Failed to connect to bus\n"
        if command[0] != "crontab":
            return 0, ""
        if command[1] == "-l":
            return (1, "no crontab for root\n") if self.lines is None else (0, self.lines)
        self.lines = given
        return 0, ""


def test_a_line_is_added_to_a_crontab_and_the_others_stay() -> None:
    programs = FakePrograms(f"MAILTO=me\n{OTHER}\n")
    assert Crontab(programs).set(NIGHTLY)
    assert programs.lines == f"MAILTO=me\n{OTHER}\n{render_cron(NIGHTLY)}\n"


def test_setting_it_again_replaces_the_projects_own_line() -> None:
    programs = FakePrograms()
    for hour in (3, 4):
        Crontab(programs).set(Schedule("demo", NIGHTLY.commands, hour, 0))
    assert programs.lines == render_cron(Schedule("demo", NIGHTLY.commands, 4, 0)) + "\n"


def test_a_line_is_removed_once() -> None:
    programs = FakePrograms(f"{OTHER}\n{render_cron(NIGHTLY)}\n")
    assert Crontab(programs).remove("demo")
    assert programs.lines == f"{OTHER}\n"
    assert not Crontab(programs).remove("demo")


def test_a_crontab_that_cannot_be_read_is_not_written() -> None:
    programs = FakePrograms(OTHER, code=2)
    with pytest.raises(StateUnwritable, match="crontab -l: Failed to connect"):
        Crontab(programs).set(NIGHTLY)
    assert programs.lines == OTHER


def test_units_are_written_and_the_timer_is_started(tmp_path: Path) -> None:
    programs = FakePrograms()
    SystemdTimers(tmp_path / "user", programs).set(NIGHTLY)
    assert {one.name: one.read_text() for one in (tmp_path / "user").iterdir()} == render_units(NIGHTLY)
    reload, enable = "systemctl --user daemon-reload", "systemctl --user enable --now aisuite-backup-demo.timer"
    verify, *others = programs.ran
    assert verify.startswith("systemd-analyze verify --man=no ")
    assert others == [reload, enable]


class Analyst(FakePrograms):
    """Says something against every unit; all else goes well."""

    def __call__(self, command: Sequence[str], given: str = "") -> tuple[int, str]:
        if command[0] != "systemd-analyze":
            return super().__call__(command, given)
        return 1, self.lines or ""


def test_what_systemd_does_not_take_is_not_written(tmp_path: Path) -> None:
    programs = Analyst(
        "other.service: too old\naisuite-backup-demo.service: Command x is not executable: No such file\n"
    )
    with pytest.raises(
        UsageError, match=r"^systemd would not take this timer: aisuite-backup-demo\.service: Command x"
    ):
        SystemdTimers(tmp_path, programs).set(NIGHTLY)
    assert (list(tmp_path.iterdir()), programs.ran) == ([], [])


@pytest.mark.parametrize(
    "said", ["systemd-analyze is not here", "Failed to initialize manager", "other.service: too old"]
)
def test_where_systemd_cannot_look_the_units_are_taken_as_good(tmp_path: Path, said: str) -> None:
    SystemdTimers(tmp_path, Analyst(said)).set(NIGHTLY)
    assert {one.name for one in tmp_path.iterdir()} == set(render_units(NIGHTLY))


def test_units_are_removed_with_their_timer_and_the_others_stay(tmp_path: Path) -> None:
    timers = SystemdTimers(tmp_path, FakePrograms())
    timers.set(NIGHTLY)
    timers.set(Schedule("demo-2", NIGHTLY.commands, 3, 0))
    assert timers.remove("demo")
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "aisuite-backup-demo-2.service",
        "aisuite-backup-demo-2.timer",
    ]
    assert not timers.remove("demo")


def test_what_systemd_says_against_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(StateUnwritable, match="daemon-reload: Failed to connect to bus"):
        SystemdTimers(tmp_path, FakePrograms(code=1)).set(NIGHTLY)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnwritable, match="cannot write"):
        SystemdTimers(tmp_path / "file" / "user", FakePrograms()).set(NIGHTLY)


def test_systemd_is_taken_where_it_runs_a_session_else_cron_else_none(monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_timers(FakePrograms())
    assert found is not None
    assert found.kind == "systemd"
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    found = find_timers(FakePrograms(code=1))
    assert found is not None
    assert found.kind == "cron"
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert find_timers(FakePrograms(code=1)) is None


def test_nothing_is_set_before_it_was_asked_for() -> None:
    programs = FakePrograms()
    report = schedule_backups(NIGHTLY, Crontab(programs), apply=False)
    assert (report.applied, programs.ran) == (False, [])
    assert render_cron(NIGHTLY) in report.text
    assert schedule_backups(NIGHTLY, Crontab(programs), apply=True).applied


@pytest.mark.process
def test_a_program_that_is_not_here_is_told_and_no_crash() -> None:
    assert run_program(["aisuite-has-no-such-program"])[0] == 127
    assert run_program(["cat"], "text") == (0, "text")
    assert run_program(["false"]) == (1, "")
