"""Which process of a service does its work, and which one listens for it, on real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from aisuite.adapters.process_engine.processes import Process, find_listener, find_process, find_worker
from tests.contract.waiting import eventually
from tests.free_ports import free_port

pytestmark = pytest.mark.process


@contextmanager
def running(script: str) -> Iterator[Process]:
    """Run a shell that says a word when it has started what it starts."""
    with subprocess.Popen(
        ["/bin/sh", "-c", f"{script} echo; wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        found = find_process(shell.pid)
        assert found is not None
        try:
            yield found
        finally:
            os.killpg(shell.pid, 9)


def test_the_only_child_of_a_service_does_its_work() -> None:
    with running("sleep 60 > /dev/null &") as parent:
        assert find_worker(parent).parent == parent.pid


def test_a_service_with_several_children_does_it_itself() -> None:
    with running("sleep 60 > /dev/null & sleep 60 > /dev/null &") as parent:
        assert find_worker(parent) == parent


def test_a_service_without_children_does_it_itself() -> None:
    with running("echo; read -r line;") as parent:
        assert find_worker(parent) == parent


_LISTENS = (
    "import socket, sys, time\n"
    "server = socket.create_server(('127.0.0.1', {port}))\n"
    "print(flush=True)\n"
    "sys.stdout.close()\n"
    "time.sleep(60)\n"
)


def listening(port: int) -> str:
    return f'{sys.executable} -IS -c "{_LISTENS.format(port=port)}"'


def test_a_child_that_listens_for_its_parent_is_the_one_that_answers() -> None:
    port = free_port()
    with running(f"sleep 60 > /dev/null & {listening(port)} &") as parent:
        eventually(lambda: find_listener(parent, port).parent == parent.pid)
        assert find_listener(parent, free_port()) == parent, "nobody listens there"


def test_a_service_that_listens_itself_answers_itself_whatever_it_has_started() -> None:
    port = free_port()
    with running(f"sleep 60 > /dev/null & exec {listening(port)}") as service:
        assert find_listener(service, port) == service


def test_a_parent_that_is_frozen_would_miss_the_end_of_its_worker() -> None:
    port = free_port()
    with running(f"{listening(port)} &") as parent:
        frozen = replace(parent, paused=True)
        assert find_listener(frozen, port) == frozen
