"""The engines under contract, each with the few things that only its outside can do to it."""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import jinja2

from aisuite.adapters.docker_engine.engine import DockerEngine
from aisuite.adapters.docker_engine.insight import DockerInsight
from aisuite.adapters.process_engine import ProcessEngine
from aisuite.adapters.process_engine.insight import ProcessInsight
from aisuite.adapters.render import FILTERS, JinjaRenderer
from aisuite.ports import Engine, Insight
from aisuite.resources import find_data_dir
from aisuite.stack.model import Endpoint, Service, Stack
from tests.fakes.engine import FakeEngine, FakeWorld, Program
from tests.fakes.insight import FakeInsight
from tests.fakes.stacks import make_service, make_stack
from tests.free_ports import free_port


class FakeCase:
    """A project of a FakeEngine."""

    def __init__(self, programs: Mapping[str, Program]) -> None:
        self._programs = programs
        self._world = FakeWorld()
        self.stack = make_stack(*(make_service(name, 9000) for name in programs))

    def engine(self) -> Engine:
        """Return one more engine on the same project, as another command would."""
        return FakeEngine(self._programs, self._world)

    def insight(self) -> Insight:
        """Return what looks closer at the project."""
        return FakeInsight(self._world)

    def say(self, name: str, line: str) -> None:
        """Let a service write a line into its log."""
        FakeEngine(world=self._world).say(name, line)

    def crash(self) -> None:
        """Let the engine's machinery die without a chance to clean up."""
        FakeEngine(world=self._world).crash()


class ProcessCase:
    """A project of a ProcessEngine in a folder, with small shell scripts as services."""

    def __init__(self, folder: Path, programs: Mapping[str, Program | tuple[str, ...]]):
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        services = (make_service(name, 9000, command=_command(program)) for name, program in programs.items())
        self.stack = replace(make_stack(*(replace(one, secrets=()) for one in services)), folder=folder)
        self.write(self.stack)

    def write(self, stack: Stack) -> None:
        """Render the project's files, with less patience for a process that ignores SIGTERM."""
        for name, text in self.render(stack).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def render(self, stack: Stack) -> dict[str, str]:
        """Return the project's files, as `write` writes them."""
        files = render(stack)
        files["process/supervisord.conf"] = files["process/supervisord.conf"].replace(
            "stopwaitsecs=10", "stopwaitsecs=1"
        )
        return files

    def engine(self) -> ProcessEngine:
        """Return one more engine on the same project, as another command would."""
        return ProcessEngine(self.folder, sys.executable, grace=1.0)

    def insight(self) -> Insight:
        """Return what looks closer at the project."""
        return ProcessInsight(self.folder)

    def say(self, name: str, line: str) -> None:
        """Let a service write a line into its log."""
        with (self.folder / "logs" / f"{name}.log").open("a") as log:
            log.write(line + "\n")

    def crash(self) -> None:
        """Kill supervisord."""
        os.kill(int((self.folder / "run" / "supervisord.pid").read_text()), signal.SIGKILL)

    def processes(self) -> list[str]:
        """Return the command lines of all processes that work in the folder; none of them is a zombie."""
        found = []
        for place in Path("/proc").iterdir():
            try:
                if place.name.isdecimal() and Path(os.readlink(place / "cwd")).is_relative_to(self.folder):
                    found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue  # it has ended, or is somebody else's
        return found


class DockerCase:
    """A project of a DockerEngine in a folder, with small shell scripts in containers as services."""

    def __init__(self, folder: Path, programs: Mapping[str, Program], image: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stack = make_stack(*(_container(name, program, image) for name, program in programs.items()))
        self.folder = folder
        self.stack = replace(stack, engine="docker", project=f"contract-{secrets.token_hex(4)}", folder=folder)
        self.write(self.stack)

    def write(self, stack: Stack) -> dict[str, str]:
        """Render the project's files and return them."""
        files = JinjaRenderer(find_data_dir("templates")).render(stack)
        keys = {f"secrets/{name}": secrets.token_hex(32) for name in stack.secrets}
        for name, text in (files | keys).items():
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return files

    def engine(self) -> DockerEngine:
        """Return one more engine on the same project, as another command would."""
        return DockerEngine(self.folder, self.stack.project, grace=1)

    def insight(self) -> Insight:
        """Return what looks closer at the project."""
        return DockerInsight(self.folder, self.stack.project)

    def say(self, name: str, line: str) -> None:
        """Let a service write a line into its log."""
        script = f"echo {shlex.quote(line)} > /proc/1/fd/1"
        container = f"{self.stack.project}-{name}-1"
        subprocess.run(["docker", "exec", container, "sh", "-c", script], check=True)


def _container(name: str, program: Program, image: str) -> Service:
    service = make_service(name, 9000, command=_command(program))
    return replace(
        service,
        published=Endpoint("127.0.0.1", free_port()),
        image=image,
        healthcheck=("NONE",),
    )


def render(stack: Stack) -> dict[str, str]:
    """Return the process engine's own files, from the shipped templates."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(find_data_dir("templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    description = environment.get_template("process/service.json.j2")
    files = {
        f"process/services/{service.name}.json": description.render(stack=stack, service=service)
        for service in stack.services
    }
    files["process/supervisord.conf"] = environment.get_template("process/supervisord.conf.j2").render(stack=stack)
    return files


def only_service(stack: Stack) -> Service:
    """Return the service of a stack of one."""
    (service,) = stack.services
    return service


def _command(program: Program | tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(program, tuple):
        return program
    if program.refuses is not None:
        return ("no-such-program",)
    lines = [f"echo {shlex.quote(line)}" for line in program.says]
    end = "exec sleep 1000" if program.dies is None else f"exit {program.dies}"
    return ("sh", "-c", "\n".join([*lines, end]))
