"""Which process of a service does its work, on real ones."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from aisuite.adapters.process_engine.processes import Process, find_process, find_worker

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
