"""The drill on local processes: it leaves the stack as it found it, also when it is killed."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import psutil
import pytest

from aisuite.drill.catalogue import CATALOGUE
from tests.e2e.killed_drills import FEW, breaking, drilling, end, is_steady, some_now_others_in_soak, undo
from tests.e2e.short_drills import drill_in_short
from tests.e2e.suite import Suite, as_a_shell_tells, wait_for

pytestmark = pytest.mark.e2e

HERE = sorted(
    set(CATALOGUE) - {"pause", "network-cut", "network-drop", "dns", "new-address", "oom", "disk-full"}
)  # what can be done to local processes
# The others differ from one of these in what a stand-in answers, or in whom it meets: `make soak` has them all.
SHORT = {"kill", "error-500", "stream-cut", "both-down", "qdrant-restart", "late-dependency"}
ONE_OF_A_KIND = {"kill", "hang", "error-500", "poison", "both-down", "qdrant-restart", "late-dependency"}


@pytest.mark.parametrize("fault", some_now_others_in_soak(HERE, ONE_OF_A_KIND))
def test_a_drill_that_is_killed_while_something_is_broken_is_undone(running: Suite, fault: str) -> None:
    wait_for(lambda: is_steady(running), 60)
    process = breaking(running, fault)
    time.sleep(0.5)  # into the injection, or past it
    assert end(process, signal.SIGKILL) == -signal.SIGKILL
    undo(running, fault)
    up = running.run("up", "--phase", "2", "--demo", "--json")
    assert up.json["plan"] == [], "everything runs as it was rendered"


@pytest.mark.parametrize("phase", ["steady state", "recovery"])
def test_a_drill_that_is_killed_while_nothing_is_broken_leaves_nothing(running: Suite, phase: str) -> None:
    wait_for(lambda: is_steady(running), 60)
    end(drilling(running, "kill", phase), signal.SIGKILL)
    assert running.run("drill", "--undo", "--json").json["undone"] == []
    wait_for(lambda: is_steady(running), 60)


def test_ctrl_c_repairs_what_is_broken_before_the_drill_ends(running: Suite) -> None:
    wait_for(lambda: is_steady(running), 60)
    process = breaking(running, "both-down")
    wait_for(lambda: not is_steady(running), 30)
    assert as_a_shell_tells(end(process, signal.SIGINT)) == 130
    assert not (running.state / "drill.json").exists()
    wait_for(lambda: is_steady(running), 60)


def test_the_next_up_repairs_what_a_killed_drill_has_left(running: Suite) -> None:
    wait_for(lambda: is_steady(running), 60)
    end(breaking(running, "both-down"), signal.SIGKILL)
    up = running.run("up", "--phase", "2", "--demo", "--json")
    assert up.code == 0, up.out
    assert not (running.state / "drill.json").exists()
    assert is_steady(running)


@pytest.mark.parametrize("fault", some_now_others_in_soak(HERE, SHORT))
def test_the_matrix_in_short_form(running: Suite, fault: str) -> None:
    drill_in_short(running, fault)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--only", "kil"], 2, "did you mean kill"),
        (["--compare", "nowhere.json"], 2, "nowhere.json"),
        (["--project", "another"], 5, "nothing was started"),
    ],
)
def test_what_cannot_be_drilled_is_said_and_nothing_is_broken(
    running: Suite, words: list[str], code: int, says: str
) -> None:
    before = {name: one["pid"] for name, one in running.services().items()}
    ran = running.run("drill", *words)
    assert ran.code == code
    assert says in ran.err
    assert "hint:" in ran.err
    assert {name: one["pid"] for name, one in running.services().items()} == before


def test_two_drills_at_once_are_refused_and_the_first_goes_on(running: Suite) -> None:
    wait_for(lambda: is_steady(running), 60)
    first = drilling(running, "kill", "steady state")
    second = running.run("drill", "--only", "kill", *FEW)
    assert (second.code, "failover-drill" in second.err) == (3, True), second.err
    assert first.poll() is None
    end(first, signal.SIGKILL)
    assert is_steady(running)


def test_a_drill_beside_other_clients_is_refused_and_nothing_is_broken(running: Suite) -> None:
    wait_for(lambda: is_steady(running), 60)
    before = {name: one["pid"] for name, one in running.services().items()}
    with clients(running, 8):
        ran = running.run("drill", "--only", "kill", "--duration", "1")
    assert ran.code == 5, ran.out
    assert "other clients are active: api-gateway works on" in ran.err
    assert "aisuite failover-drill --force" in ran.err
    assert {name: one["pid"] for name, one in running.services().items()} == before


@contextmanager
def clients(suite: Suite, count: int) -> Iterator[None]:
    """Ask the gateway without pause, from several threads."""
    key = (suite.state / "secrets" / "gateway_key").read_text().strip()
    url = f"http://127.0.0.1:{suite.ports['API_GATEWAY_PORT']}/v1/chat/completions"
    body = {"model": "chat-7b", "messages": [{"role": "user", "content": "Hello"}]}
    enough = threading.Event()

    def ask() -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=60, trust_env=False) as client:
            while not enough.is_set():
                client.post(url, json=body)

    with ThreadPoolExecutor(count) as pool:
        asking = [pool.submit(ask) for _ in range(count)]
        try:
            yield
        finally:
            enough.set()
        for one in asking:
            one.result()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_gateway_whose_worker_dies_or_hangs_answers_again_and_nothing_restarts(
    running: Suite, number: signal.Signals
) -> None:
    wait_for(lambda: is_steady(running), 60)
    before = {name: one["pid"] for name, one in running.services().items()}
    parent = psutil.Process(before["api-gateway"])
    (worker,) = parent.children()
    wait_for(lambda: time.time() - worker.create_time() > 11, 15)  # one that dies sooner takes its parent with it
    worker.send_signal(number)
    wait_for(lambda: parent.children() not in ([], [worker]), 30)
    wait_for(lambda: is_steady(running), 60)
    assert {name: one["pid"] for name, one in running.services().items()} == before
