"""What a closer look tells, on the fake and on every engine."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from aisuite.errors import NotRunning
from aisuite.ports import Streams
from tests.contract.engines import DockerCase, FakeCase, ProcessCase
from tests.contract.waiting import eventually
from tests.fakes.engine import Program

Case = FakeCase | ProcessCase | DockerCase
NewProject = Callable[..., Case]


@pytest.fixture(params=["fake", pytest.param("process", marks=pytest.mark.process)])
def new_project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewProject]:
    """Make projects of services that behave as their programs say."""
    made: list[Case] = []

    def make(**programs: Program) -> Case:
        made.append(FakeCase(programs) if request.param == "fake" else ProcessCase(tmp_path / "project", programs))
        return made[-1]

    yield make
    for case in made:
        case.engine().close()


def started(case: Case) -> Case:
    """Open an engine and start the project's services."""
    engine = case.engine()
    engine.open(case.stack)
    for service in case.stack.services:
        engine.start(service, {"command": "1"})
    return case


def run(case: Case, command: Sequence[str], folder: Path, given: bytes = b"") -> tuple[int, bytes, bytes]:
    """Run a command beside the service `chat`; return its exit code and what it wrote."""
    names = [folder / name for name in ("stdin", "stdout", "stderr")]
    names[0].write_bytes(given)
    files = [os.open(name, os.O_RDWR | os.O_CREAT) for name in names]
    try:
        code = case.insight().run("chat", command, Streams(*files))
    finally:
        for file in files:
            os.close(file)
    return code, names[1].read_bytes(), names[2].read_bytes()


def test_every_service_is_listed_with_its_command(new_project: NewProject) -> None:
    case = started(new_project(chat=Program(), rag=Program()))
    chat, rag = case.insight().list()
    assert (chat.service, rag.service) == ("chat", "rag")
    assert "sleep" in chat.command or "chat" in chat.command
    assert chat.started_at is not None
    assert abs(chat.started_at - time.time()) < 60
    assert chat.exit_code is None


def test_the_processes_of_a_service_are_its_own_and_of_a_stopped_one_none(new_project: NewProject) -> None:
    case = started(new_project(chat=Program(), rag=Program()))
    engine, insight = case.engine(), case.insight()
    observed = engine.observe().find("chat")
    assert observed is not None
    first = insight.tasks("chat")[0]
    assert first.pid == observed.pid
    assert first.memory > 0
    assert first.command
    engine.stop("chat")
    assert insight.tasks("chat") == ()
    assert insight.tasks("rag") != ()


def test_a_start_is_an_event_and_what_was_before_is_not_told(new_project: NewProject) -> None:
    before = time.time() - 1
    case = started(new_project(chat=Program()))
    insight = case.insight()
    eventually(lambda: any(one.service == "chat" for one in insight.events(before, follow=False)))
    told = list(insight.events(before, follow=False))
    assert any(one.what in {"start", "spawned"} for one in told)
    assert all(abs(one.at - time.time()) < 60 for one in told)
    assert list(insight.events(time.time() + 60, follow=False)) == []


def test_a_command_gets_its_input_and_its_outputs_and_exit_code_come_back(
    new_project: NewProject, tmp_path: Path
) -> None:
    case = started(new_project(chat=Program()))
    given = os.urandom(300_000)
    code, out, err = run(case, ("sh", "-c", "cat; echo no >&2; exit 7"), tmp_path, given)
    assert (code, err) == (7, b"no\n")
    assert out == given


def test_beside_what_does_not_run_nothing_can_be_run(new_project: NewProject, tmp_path: Path) -> None:
    case = started(new_project(chat=Program(), rag=Program()))
    case.engine().stop("chat")
    with pytest.raises(NotRunning):
        run(case, ("true",), tmp_path)


@pytest.mark.process
def test_followed_events_go_on(tmp_path: Path) -> None:
    case = started(ProcessCase(tmp_path / "project", {"chat": Program()}))
    try:
        follow_until_a_second_start(case)
    finally:
        case.engine().close()


def follow_until_a_second_start(case: Case) -> None:
    """Restart a service while its events are followed."""
    events = case.insight().events(time.time(), follow=True)
    again = threading.Timer(0.3, lambda: case.engine().start(case.stack.services[0], {}))
    again.start()
    assert any(event.what in {"start", "spawned"} and event.service == "chat" for event in events)
    again.join()


@pytest.mark.process
def test_a_local_command_has_the_services_variables_keys_and_folder(tmp_path: Path) -> None:
    case = started(ProcessCase(tmp_path / "project", {"chat": Program()}))
    try:
        code, out, _ = run(case, ("sh", "-c", "echo $A $AISUITE_SERVICE; exec no-such-program"), tmp_path)
        assert (code, out) == (127, b"1 chat\n")
        code, _, err = run(case, ("no-such-program",), tmp_path)
        assert (code, err) == (127, b"no-such-program: there is no such program for chat\n")
        assert run(case, ("sh", "-c", "kill -KILL $$"), tmp_path)[0] == 137
    finally:
        case.engine().close()
