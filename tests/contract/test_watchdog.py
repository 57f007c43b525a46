"""What hangs is ended, so that supervisord starts it again; nothing else is."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from aisuite.adapters.process_engine import ProcessEngine
from aisuite.adapters.process_engine.processes import find_listener, find_process
from aisuite.adapters.process_engine.records import Records
from aisuite.adapters.process_engine.supervisord import Supervisord
from aisuite.adapters.process_engine.watchdog import Heard, Watchdog, probe
from aisuite.plan.observed import State
from tests.contract.engines import ProcessCase, only_service
from tests.contract.waiting import eventually
from tests.fakes.engine import Program
from tests.free_ports import free_port

STUBBORN = ("sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.2; done")
GOOD, BAD = b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.0 503 Unavailable\r\n\r\n"


class Ears:
    """Hears what it is told, one thing after another; the last again and again."""

    def __init__(self, *heard: Heard) -> None:
        self._heard = list(heard)

    def __call__(self, _url: str, _seconds: float) -> Heard:
        return self._heard.pop(0) if len(self._heard) > 1 else self._heard[0]


@contextmanager
def answering(answer: bytes | None) -> Iterator[str]:
    """Serve one client with these bytes, or with nothing for as long as it waits."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(answer or b"") if answer is not None else connection.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/health"
        thread.join()


@pytest.mark.parametrize("answer", [GOOD, BAD, b"no HTTP at all\r\n", b""])
def test_whatever_is_said_is_an_answer(answer: bytes) -> None:
    with answering(answer) as url:
        assert probe(url, 5.0) is Heard.ANSWER


def test_a_listener_that_says_nothing_is_silent() -> None:
    with answering(None) as url:
        assert probe(url, 0.1) is Heard.SILENCE


def test_where_nobody_listens_nobody_hangs() -> None:
    assert probe(f"http://127.0.0.1:{free_port()}/health", 5.0) is Heard.NOBODY


@pytest.fixture
def new_case(tmp_path: Path) -> Iterator[Callable[..., ProcessCase]]:
    made: list[ProcessCase] = []

    def make(program: Program | tuple[str, ...] = Program()) -> ProcessCase:  # noqa: B008
        made.append(ProcessCase(tmp_path / "a project", {"chat": program}))
        return made[-1]

    yield make
    for case in made:
        case.engine().close()
        assert case.processes() == []


def start(case: ProcessCase) -> ProcessEngine:
    engine = case.engine()
    engine.open(case.stack)
    engine.start(only_service(case.stack), {})
    return engine


def pid_of(engine: ProcessEngine) -> int | None:
    found = engine.observe().find("chat")
    return found.pid if found is not None else None


@pytest.mark.process
def test_what_answered_and_falls_silent_is_ended_started_again_and_told_in_its_log(
    new_case: Callable[..., ProcessCase],
) -> None:
    case = new_case()
    engine = start(case)
    before = pid_of(engine)
    dog = Watchdog(case.folder, Ears(Heard.ANSWER, Heard.SILENCE), silence=5.0, doubt=2.0)
    dog.look()
    engine.signal("chat", "STOP")
    dog.look()
    eventually(lambda: pid_of(engine) not in {None, before})
    found = engine.observe().find("chat")
    assert found is not None
    assert (found.restarts, found.state is State.PAUSED) == (1, False)
    assert "no answer for 7 s: ended by the watchdog, to be started again" in engine.log_tail("chat", 10)


@pytest.mark.process
@pytest.mark.parametrize(
    "heard",
    [
        (Heard.SILENCE,),  # never an answer: it starts
        (Heard.ANSWER, Heard.SILENCE, Heard.ANSWER),  # one probe was lost
        (Heard.ANSWER, Heard.NOBODY),
        (Heard.ANSWER,),
    ],
)
def test_what_starts_is_slow_or_refuses_is_left_alone(
    new_case: Callable[..., ProcessCase], heard: tuple[Heard, ...]
) -> None:
    case = new_case()
    engine = start(case)
    before = engine.observe()
    dog = Watchdog(case.folder, Ears(*heard))
    for _ in range(3):
        dog.look()
    assert engine.observe() == before


@pytest.mark.process
def test_what_was_restarted_begins_anew(new_case: Callable[..., ProcessCase]) -> None:
    case = new_case()
    engine = start(case)
    dog = Watchdog(case.folder, Ears(Heard.ANSWER, Heard.SILENCE))
    dog.look()
    engine.start(only_service(case.stack), {})
    before = engine.observe()
    dog.look()
    assert engine.observe() == before


@pytest.mark.process
def test_what_is_being_stopped_may_take_its_time(new_case: Callable[..., ProcessCase]) -> None:
    case = new_case(STUBBORN)
    engine = start(case)
    eventually(lambda: engine.log_tail("chat", 1) == ("deaf",))
    dog = Watchdog(case.folder, Ears(Heard.ANSWER, Heard.SILENCE))
    dog.look()
    supervisord = Supervisord(case.folder, "python")
    daemon = supervisord.find()
    assert daemon is not None
    supervisord.call(daemon, "stopProcess", "chat", False)
    dog.look()
    record = Records(case.folder / "run").process("chat")
    assert record is not None
    assert record.find() is not None
    assert engine.log_tail("chat", 5) == ("deaf",)


@pytest.mark.process
def test_a_description_that_says_no_url_is_not_watched(new_case: Callable[..., ProcessCase]) -> None:
    case = new_case()
    engine = start(case)
    before = engine.observe()
    (case.folder / "process" / "services" / "chat.json").write_text('{"live": null}')
    dog = Watchdog(case.folder, Ears(Heard.ANSWER, Heard.SILENCE))
    for _ in range(2):
        dog.look()
    assert engine.observe() == before


def dogs(case: ProcessCase) -> int:
    return sum("watchdog" in command for command in case.processes())


@pytest.mark.process
def test_a_worker_that_hangs_is_ended_and_who_keeps_it_starts_another_one(new_case: Callable[..., ProcessCase]) -> None:
    serve = f"python3 -m http.server --bind 127.0.0.1 {(port := free_port())}"
    case = new_case(("sh", "-c", f"while :; do {serve} & wait $!; done"))
    url = f"http://127.0.0.1:{port}/"
    (service,) = case.stack.services
    at = replace(service.published, port=port)
    case.stack = replace(case.stack, services=(replace(service, published=at, live_path="/"),))
    case.write(case.stack)
    engine = start(case)
    eventually(lambda: probe(url, 1.0) is Heard.ANSWER)
    keeper = find_process(pid_of(engine) or 0)
    assert keeper is not None
    worker = find_listener(keeper, port)
    dog = Watchdog(case.folder, silence=0.2, doubt=0.1)
    dog.look()
    os.kill(worker.pid, signal.SIGSTOP)
    dog.look()
    eventually(lambda: probe(url, 1.0) is Heard.ANSWER)
    assert find_listener(keeper, port).pid != worker.pid
    assert pid_of(engine) == keeper.pid


@pytest.mark.process
def test_it_comes_and_goes_as_the_stack_says_and_ends_with_its_supervisord(
    new_case: Callable[..., ProcessCase],
) -> None:
    case = new_case()
    for wanted in (True, False, True):
        stack = replace(case.stack, restart_when_hung=wanted)
        case.write(stack)
        case.engine().open(stack)
        eventually(lambda wanted=wanted: dogs(case) == wanted)
    assert case.engine().observe().services == ()
    case.crash()
    eventually(lambda: dogs(case) == 0)


@pytest.mark.process
def test_it_ends_what_hangs_under_a_real_supervisord(new_case: Callable[..., ProcessCase]) -> None:
    case = new_case(("python3", "-m", "http.server", "--bind", "127.0.0.1", str(port := free_port())))
    url = f"http://127.0.0.1:{port}/"
    (service,) = case.stack.services
    at = replace(service.published, port=port)
    case.stack = replace(case.stack, services=(replace(service, published=at, live_path="/"),), restart_when_hung=True)
    case.write(case.stack)
    engine = start(case)
    eventually(lambda: probe(url, 1.0) is Heard.ANSWER)
    log = case.folder / "logs" / "chat.log"
    eventually(lambda: "GET" in log.read_text())
    before = pid_of(engine)
    assert before is not None
    eventually(lambda: log.read_text().count("GET") > 1)  # it was asked by the watchdog, too
    os.kill(before, signal.SIGSTOP)
    eventually(lambda: pid_of(engine) not in {None, before}, timeout=60)
    eventually(lambda: probe(url, 1.0) is Heard.ANSWER)
