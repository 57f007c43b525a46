"""What only the process engine can break: processes left behind, hard ends, folder names, secrets."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from aisuite.adapters.process_engine import ProcessEngine
from aisuite.errors import EngineUnavailable, NotRunning, StepFailed
from aisuite.plan.observed import Observed, State
from aisuite.stack.model import SecretUse
from tests.contract.engines import ProcessCase, only_service
from tests.contract.waiting import eventually
from tests.fakes.engine import Program
from tests.fakes.stacks import make_service

pytestmark = pytest.mark.process

CALM = Program()
STUBBORN = ("sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.2; done")
PARENT = ("sh", "-c", "sleep 1000 & setsid sleep 1001 & echo two children; exec sleep 1002")
NewCase = Callable[..., ProcessCase]


@pytest.fixture
def new_case(tmp_path: Path) -> Iterator[NewCase]:
    made: list[ProcessCase] = []

    def make(program: Program | tuple[str, ...] = CALM, folder: Path | None = None) -> ProcessCase:
        made.append(ProcessCase(folder or tmp_path / "project", {"chat": program}))
        return made[-1]

    yield make
    for case in made:
        case.engine().close()
        assert case.processes() == []


def start(case: ProcessCase) -> ProcessEngine:
    engine = case.engine()
    engine.open(case.stack)
    engine.start(only_service(case.stack), {"a": "1"})
    return engine


def pid_of(engine: ProcessEngine) -> int:
    service = engine.observe().find("chat")
    assert service is not None
    assert service.pid is not None
    return service.pid


@pytest.mark.parametrize(
    "name", ["a b;c #d", "100% %(x)s %(here)s", 'it\'s "quoted" $HOME `id`', "한국어", "two\nlines", "-x"]
)
def test_a_folder_may_have_any_name(new_case: NewCase, tmp_path: Path, name: str) -> None:
    engine = start(new_case(Program(says=("here",)), folder=tmp_path / name))
    eventually(lambda: engine.log_tail("chat", 1) == ("here",))


def test_a_folder_may_be_deeper_than_a_socket_allows(new_case: NewCase, tmp_path: Path) -> None:
    case = new_case(folder=tmp_path / "/".join(["a" * 60] * 3))
    start(case)
    assert case.engine().observe().engine_up
    assert not (case.folder / "run" / "supervisor.sock").exists()


def test_a_process_that_ignores_sigterm_is_killed_after_the_wait(new_case: NewCase) -> None:
    case = new_case(STUBBORN)
    engine = start(case)
    eventually(lambda: engine.log_tail("chat", 1) == ("deaf",))
    engine.stop("chat")
    assert len(case.processes()) == 1  # supervisord


def test_a_paused_process_hears_that_it_shall_stop(new_case: NewCase) -> None:
    case = new_case()
    engine = start(case)
    engine.signal("chat", "STOP")
    engine.stop("chat")
    assert len(case.processes()) == 1


def test_stop_takes_the_children_too_in_whatever_session(new_case: NewCase) -> None:
    case = new_case(PARENT)
    engine = start(case)
    eventually(lambda: len(case.processes()) == 4)
    engine.stop("chat")
    assert len(case.processes()) == 1


def test_close_takes_the_children_too_in_whatever_session(new_case: NewCase) -> None:
    case = new_case(PARENT)
    engine = start(case)
    eventually(lambda: len(case.processes()) == 4)
    engine.close()
    assert case.processes() == []


def test_children_that_outlive_a_killed_service_end_before_its_restart(new_case: NewCase) -> None:
    case = new_case(("sh", "-c", "sleep 1000 & exec sleep 1002"))
    engine = start(case)
    eventually(lambda: len(case.processes()) == 3)
    before = pid_of(engine)
    engine.signal("chat", "KILL")
    eventually(lambda: (found := engine.observe().find("chat")) and found.restarts == 1)
    eventually(lambda: len(case.processes()) == 3)
    assert pid_of(engine) != before


@pytest.mark.parametrize("program", [PARENT, STUBBORN])
def test_close_leaves_nothing_after_supervisord_was_killed(new_case: NewCase, program: tuple[str, ...]) -> None:
    case = new_case(program)
    engine = start(case)
    eventually(lambda: engine.log_tail("chat", 1))
    case.crash()
    case.engine().close()
    assert case.processes() == []
    assert not (case.folder / "run").exists()


def test_close_finds_children_whose_whole_ancestry_was_killed(new_case: NewCase) -> None:
    case = new_case(PARENT)
    engine = start(case)
    eventually(lambda: len(case.processes()) == 4)
    service = pid_of(engine)
    case.crash()
    os.kill(service, signal.SIGKILL)
    eventually(lambda: len(case.processes()) == 2)
    case.engine().close()
    assert case.processes() == []


def test_close_leaves_nothing_when_the_project_folder_is_gone(new_case: NewCase, tmp_path: Path) -> None:
    case = new_case()
    start(case)
    moved = tmp_path / "moved away"
    case.folder.rename(moved)
    assert case.engine().observe() == Observed(engine_up=False)
    case.engine().close()
    left = ProcessCase.__new__(ProcessCase)
    left.folder = moved
    assert left.processes() == []


def test_close_leaves_nothing_when_the_configuration_is_gone(new_case: NewCase) -> None:
    case = new_case()
    start(case)
    (case.folder / "process" / "supervisord.conf").unlink()
    case.engine().close()
    assert case.processes() == []


def test_a_supervisord_that_hangs_is_replaced(new_case: NewCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aisuite.adapters.process_engine.supervisord._CALL_TIMEOUT", 0.2)
    case = new_case()
    start(case)
    hung = int((case.folder / "run" / "supervisord.pid").read_text())
    os.kill(hung, signal.SIGSTOP)
    observed = case.engine().observe()
    assert not observed.engine_up
    assert {service.state for service in observed.services} == {State.ORPHANED}
    engine = start(case)
    assert engine.observe().engine_up
    assert int((case.folder / "run" / "supervisord.pid").read_text()) != hung


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.06, 0.08, 0.1, 0.12])
def test_a_command_killed_while_it_starts_leaves_nothing_that_close_does_not_find(
    new_case: NewCase, delay: float
) -> None:
    case = new_case()
    script = """
        import sys
        from pathlib import Path
        from types import SimpleNamespace
        from aisuite.adapters.process_engine import ProcessEngine
        engine = ProcessEngine(Path(sys.argv[1]))
        print("go", flush=True)
        engine.open(None)
        engine.start(SimpleNamespace(name="chat"), {})
        """
    command = [sys.executable, "-c", textwrap.dedent(script), str(case.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as killed:
        assert killed.stdout is not None
        killed.stdout.readline()
        time.sleep(delay)
        killed.kill()
    case.engine().close()
    assert case.processes() == []


def test_services_outlive_the_command_and_its_terminal(new_case: NewCase) -> None:
    case = new_case()
    engine = start(case)
    for pid in (pid_of(engine), int((case.folder / "run" / "supervisord.pid").read_text())):
        assert os.getsid(pid) != os.getsid(0)
        handles = {os.readlink(handle) for handle in Path(f"/proc/{pid}/fd").iterdir() if handle.name in "012"}
        assert all(handle == "/dev/null" or handle.startswith("pipe:") for handle in handles)


def test_a_foreign_process_that_has_the_id_by_now_is_left_alone(new_case: NewCase) -> None:
    case = new_case()
    start(case)
    record = case.folder / "run" / "chat.pid.json"
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as foreign:
        own = json.loads(record.read_text())
        case.crash()
        record.write_text(json.dumps(own | {"pid": foreign.pid}))
        with pytest.raises(NotRunning):
            case.engine().signal("chat", "KILL")
        case.engine().close()
        assert foreign.poll() is None
        foreign.kill()
    record.parent.mkdir()
    record.write_text(json.dumps(own))  # what the doctored record hid


def test_a_record_of_another_boot_means_nothing(new_case: NewCase) -> None:
    case = new_case()
    engine = start(case)
    record = case.folder / "run" / "chat.pid.json"
    own = record.read_text()
    record.write_text(json.dumps(json.loads(own) | {"boot": "another"}))
    with pytest.raises(NotRunning):
        engine.signal("chat", "KILL")
    record.write_text(own)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"pid": 1}', "\x00\xff"])
def test_a_damaged_record_is_as_none(new_case: NewCase, damage: str) -> None:
    case = new_case()
    engine = start(case)
    for name in ("chat.json", "chat.pid.json"):
        (case.folder / "run" / name).write_text(damage, encoding="latin-1")
    service = engine.observe().find("chat")
    assert service is not None
    assert service.fingerprint == {}


def test_what_dies_at_every_start_is_given_up(new_case: NewCase) -> None:
    case = new_case(Program(dies=3))
    config = case.folder / "process" / "supervisord.conf"
    config.write_text(config.read_text().replace("startretries=5", "startretries=0"))
    engine = start(case)
    service = eventually(lambda: (s := engine.observe().find("chat")) and s.state is State.FAILED and s)
    assert service.exit_code == 3


def test_an_exit_by_a_signal_is_its_negative_number(new_case: NewCase) -> None:
    engine = start(new_case(("sh", "-c", "sleep 0.3; kill -SEGV $$")))  # seen to be started, before
    service = eventually(lambda: (s := engine.observe().find("chat")) and s.exit_code and s)
    assert service.exit_code == -signal.SIGSEGV


def test_a_changed_stack_adds_and_removes_services_and_leaves_the_others_running(new_case: NewCase) -> None:
    case = new_case()
    engine = start(case)
    before = engine.observe().find("chat")
    added = replace(make_service("code", 9001, command=("sleep", "1000")), secrets=())
    case.write(replace(case.stack, services=(*case.stack.services, added)))
    engine.open(case.stack)
    engine.start(added, {})
    assert {service.name for service in engine.observe().services} == {"chat", "code"}
    case.write(replace(case.stack, services=(added,)))
    engine.open(case.stack)
    assert engine.observe().find("chat") == before
    engine.stop("chat")
    assert [service.name for service in engine.observe().services] == ["code"]
    assert len(case.processes()) == 2


def test_a_secret_stands_in_no_command_line_and_no_rendered_file(new_case: NewCase) -> None:
    case = new_case(("sh", "-c", 'echo "$KEY" "$KEY_FILE" "${LEAK:-clean}"; exec sleep 1000'))
    uses = (SecretUse("key", "KEY", as_file=False), SecretUse("key", "KEY_FILE", as_file=True))
    service = replace(only_service(case.stack), secrets=uses)
    case.write(replace(case.stack, services=(service,)))
    (case.folder / "secrets").mkdir(mode=0o700)
    (case.folder / "secrets" / "key").write_text("sk-very-secret")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEAK", "leaked")
        engine = start(case)
    eventually(lambda: engine.log_tail("chat", 1) == (f"sk-very-secret {case.folder}/secrets/key clean",))
    assert not any("very-secret" in command for command in case.processes())
    assert not any("very-secret" in path.read_text() for path in (case.folder / "process").rglob("*") if path.is_file())
    assert not any("very-secret" in path.read_text() for path in (case.folder / "run").glob("*.json"))


def test_a_missing_secret_is_one_line(new_case: NewCase) -> None:
    case = new_case()
    service = replace(only_service(case.stack), secrets=(SecretUse("key", "KEY", as_file=False),))
    case.write(replace(case.stack, services=(service,)))
    engine = case.engine()
    engine.open(case.stack)
    with pytest.raises(StepFailed, match="chat could not be started: cannot read secrets/key: No such file"):
        engine.start(service, {})


def test_a_service_gets_its_data_folder_and_keeps_all_files_to_its_user(new_case: NewCase) -> None:
    case = new_case(("sh", "-c", "touch data/chat/file; pwd; exec sleep 1000"))
    service = replace(only_service(case.stack), data=str(case.folder / "data" / "chat"))
    case.write(replace(case.stack, services=(service,)))
    engine = start(case)
    eventually(lambda: engine.log_tail("chat", 1) == (str(case.folder),))
    for path in case.folder.rglob("*"):
        made_by_the_test = path.is_relative_to(case.folder / "process")
        assert made_by_the_test or not stat.S_IMODE(path.lstat().st_mode) & 0o077, path


def test_without_rendered_files_the_engine_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"supervisord\.conf is missing"):
        ProcessEngine(tmp_path).open(ProcessCase(tmp_path / "other", {}).stack)


def test_a_broken_configuration_is_reported_with_supervisords_words(new_case: NewCase) -> None:
    case = new_case()
    config = case.folder / "process" / "supervisord.conf"
    good = config.read_text()
    config.write_text(good.replace("startsecs=10", "startsecs=soon"))
    with pytest.raises(EngineUnavailable, match=r"supervisord did not start: Error: .*soon"):
        case.engine().open(case.stack)
    config.write_text(good)
    start(case)
    config.write_text(good.replace("startsecs=10", "startsecs=soon"))
    with pytest.raises(EngineUnavailable, match="supervisord refuses"):
        case.engine().open(case.stack)


def test_an_interpreter_without_supervisor_is_reported_with_the_fix(new_case: NewCase, tmp_path: Path) -> None:
    case = new_case()
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o700)
    with pytest.raises(EngineUnavailable, match="supervisor is not installed") as caught:
        ProcessEngine(case.folder, str(bare)).open(case.stack)
    assert caught.value.hint == "pip install 'aisuite[local]'"


def test_a_missing_interpreter_is_reported(new_case: NewCase) -> None:
    case = new_case()
    with pytest.raises(EngineUnavailable, match="cannot start supervisord"):
        ProcessEngine(case.folder, "/nonexistent/python").open(case.stack)


def test_logs_are_followed_across_rotation(new_case: NewCase) -> None:
    case = new_case(
        ("sh", "-c", "i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo line $i; sleep 0.01; done; exec sleep 1000")
    )
    config = case.folder / "process" / "supervisord.conf"
    config.write_text(config.read_text().replace("maxbytes=10MB", "maxbytes=150"))
    engine = case.engine()
    engine.open(case.stack)
    lines = engine.follow("chat", 100)
    engine.start(only_service(case.stack), {})
    seen = [next(lines)]
    with suppress(StopIteration):
        while seen[-1] != "line 40":
            seen.append(next(lines))
    assert seen[-1] == "line 40"
    assert sorted(seen, key=lambda line: int(line.split()[1])) == seen
