"""What breaks containers keeps the contract of all that breaks services, and some laws of its own."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from aisuite.adapters.docker_engine.drill_faults import DockerFaults
from aisuite.drill.model import Action
from aisuite.plan.fingerprint import fingerprint
from aisuite.ports.faults import Faults
from aisuite.profile.model import Images
from aisuite.stack.model import Stack
from tests.contract.faults import CHAT, runs_as_rendered
from tests.contract.test_faults import (  # noqa: F401  pytest finds them here, and gives them this module's case
    entry,
    is_back,
    test_what_an_interruption_took_away_is_started_again,
    test_what_cannot_be_done_is_said_in_words_and_refused,
    test_what_was_broken_is_mended_and_both_may_be_repeated,
    test_what_was_never_broken_is_left_as_it_is,
)
from tests.contract.waiting import eventually
from tests.docker.answering import Project, answering, docker, new_project, project

__all__ = ["new_project", "project"]
pytestmark = pytest.mark.docker


class DockerFaultsCase:
    """A project of containers: one that answers, and one that looks from inside its network."""

    lacks = Action.FILL_DISK

    def __init__(self, project: Project) -> None:
        self.project = project
        # A stand-in binds where its service does and runs as ours do: it is heard from outside, and may read the key.
        chat = answering(CHAT, listen=replace(answering(CHAT).listen, host="0.0.0.0"))
        command, user = ("python", "-m", "aisuite.services.embedding"), f"{os.getuid()}:{os.getgid()}"
        ours = answering("embedding", image=Images().service, command=command, user=user)
        self.stack: Stack = project.write(project.stack(chat, answering("watcher"), ours))
        self._files = project.deps.renderer.render(self.stack)
        project.deps.engine.open(self.stack)
        for name in (CHAT, "watcher"):
            service = self.stack.service(name)
            project.deps.engine.start(service, fingerprint(service, self._files))
        eventually(self.is_as_rendered)

    def faults(self) -> Faults:
        deps = self.project.deps
        return DockerFaults(self.project.engine(), self.stack, deps.renderer, deps.workdir)

    def is_as_rendered(self) -> bool:
        deps = self.project.deps
        written = all(deps.workdir.read(name) == text for name, text in self._files.items())
        runs = written and runs_as_rendered(deps.engine, self.stack, self._files)
        return runs and deps.probe.ask(self.stack.service(CHAT).ready_url, 1.0).ready is True

    def take_away(self) -> None:
        self.project.deps.engine.stop(CHAT)

    def resolves(self) -> bool:
        """Whether other containers find the service by its name."""
        script = f"import socket; socket.gethostbyname('{CHAT}')"
        line = f'python3 -c "{script}" 2>/dev/null && echo found || true'
        return "found" in docker("exec", f"{self.project.name}-watcher-1", "sh", "-c", line)

    def addresses(self) -> list[str]:
        networks = json.loads(docker("inspect", f"{self.project.name}-{CHAT}-1"))[0]["NetworkSettings"]["Networks"]
        return [one["IPAddress"] for one in networks.values()]


@pytest.fixture
def case(project: Project) -> DockerFaultsCase:
    return DockerFaultsCase(project)


@pytest.mark.parametrize("action", [Action.PAUSE, Action.DISCONNECT, Action.STARVE, Action.DROP])
def test_what_containers_alone_suffer_is_mended_and_both_may_be_repeated(
    case: DockerFaultsCase, action: Action
) -> None:
    for _ in range(2):
        case.faults().inject(entry(action))
    assert not case.is_as_rendered()
    for _ in range(2):
        case.faults().undo(entry(action))
    assert is_back(case)
    assert case.resolves()


def test_a_name_is_forgotten_and_found_again_and_the_service_runs_on(case: DockerFaultsCase) -> None:
    assert case.resolves()
    for _ in range(2):
        case.faults().inject(entry(Action.FORGET_NAME))
    assert not case.resolves()
    assert is_back(case)
    for _ in range(2):
        case.faults().undo(entry(Action.FORGET_NAME))
    assert case.resolves()
    assert is_back(case)


def test_a_service_comes_back_under_another_address(case: DockerFaultsCase) -> None:
    before = case.addresses()
    case.faults().inject(entry(Action.NEW_ADDRESS))
    assert not set(before) & set(case.addresses())
    case.faults().undo(entry(Action.NEW_ADDRESS))
    assert is_back(case)
    assert case.resolves()
    assert len(case.project.left()["containers"]) == 2


def test_what_starves_is_killed_by_the_kernel_again_and_again(case: DockerFaultsCase) -> None:
    case.faults().inject(entry(Action.STARVE))
    eventually(lambda: case.project.inspect(CHAT)["RestartCount"] > 1, timeout=30)
    assert case.project.deps.engine.examine(CHAT).out_of_memory


@pytest.mark.parametrize(
    "action", [Action.PAUSE, Action.DISCONNECT, Action.DROP, Action.FORGET_NAME, Action.NEW_ADDRESS]
)
def test_what_no_container_has_suffered_is_left_as_it_is(case: DockerFaultsCase, action: Action) -> None:
    before = case.project.inspect(CHAT)
    case.faults().undo(entry(action))
    after = case.project.inspect(CHAT)
    assert (after["Id"], after["State"]["StartedAt"], case.addresses()) == (
        before["Id"],
        before["State"]["StartedAt"],
        [one["IPAddress"] for one in before["NetworkSettings"]["Networks"].values()],
    )


_KEEPS_A_WORKER = ("sh", "-c", 'while :; do "$@" & wait $!; done', "sh")
_WORKERS = 'read -r service rest < /proc/1/task/1/children; cat "/proc/$service/task/$service/children"'


def test_the_process_that_serves_is_killed_and_its_parent_runs_on(project: Project) -> None:
    service = answering(CHAT, command=(*_KEEPS_A_WORKER, *answering(CHAT).command))
    assert project.up(service).failures == ()

    def workers() -> str:
        return docker("exec", f"{project.name}-{CHAT}-1", "sh", "-c", _WORKERS)

    before, first = project.inspect(CHAT)["State"]["StartedAt"], workers()
    deps = project.deps
    DockerFaults(project.engine(), project.stack(service), deps.renderer, deps.workdir).inject(entry(Action.CRASH))
    eventually(lambda: workers() not in ("", first))
    assert project.inspect(CHAT)["State"]["StartedAt"] == before
