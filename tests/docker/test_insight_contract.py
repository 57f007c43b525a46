"""The contract of a closer look, on real containers."""

from __future__ import annotations

import os
import pty
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from aisuite.ports import Streams
from tests.contract.engines import DockerCase
from tests.contract.test_insight import (  # noqa: F401  pytest finds them here, and gives them this module's projects
    follow_until_a_second_start,
    run,
    started,
    test_a_command_gets_its_input_and_its_outputs_and_exit_code_come_back,
    test_a_start_is_an_event_and_what_was_before_is_not_told,
    test_beside_what_does_not_run_nothing_can_be_run,
    test_every_service_is_listed_with_its_command,
    test_the_processes_of_a_service_are_its_own_and_of_a_stopped_one_none,
)
from tests.fakes.engine import Program

pytestmark = pytest.mark.docker


def test_followed_events_of_containers_go_on_and_end_with_the_reader(new_project: Callable[..., DockerCase]) -> None:
    follow_until_a_second_start(started(new_project(chat=Program())))


def test_a_program_that_is_not_in_the_image_is_said_by_the_engine(
    new_project: Callable[..., DockerCase], tmp_path: Path
) -> None:
    code, out, err = run(started(new_project(chat=Program())), ("no-such-program",), tmp_path)
    assert code in {126, 127}
    assert b"no-such-program" in out + err


def test_a_person_at_a_terminal_gets_one_and_has_it_back_as_it_was(new_project: Callable[..., DockerCase]) -> None:
    case = started(new_project(chat=Program()))
    ours, theirs = pty.openpty()
    try:
        before = termios.tcgetattr(theirs)
        streams = Streams(theirs, theirs, theirs, terminal=True)
        os.write(ours, b"exit 3\n")
        assert case.insight().run("chat", ("sh", "-c", "test -t 0 && tty; exec sh"), streams) == 3
        assert b"/dev/pts/" in os.read(ours, 4096)
        assert termios.tcgetattr(theirs) == before
    finally:
        os.close(ours)
        os.close(theirs)
