"""A project whose services are one-line HTTP servers in containers, brought up by the real `up`."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from aisuite.adapters.clock import SystemClock
from aisuite.adapters.docker_engine.engine import DockerEngine
from aisuite.adapters.host import LocalHost
from aisuite.adapters.probe import HttpProbe
from aisuite.adapters.render import JinjaRenderer
from aisuite.adapters.workdir import ProjectDir
from aisuite.ops.up import UpReport, UpRequest, up
from aisuite.ports import Deps
from aisuite.resources import find_data_dir
from aisuite.stack.model import Dependency, Endpoint, HealthTiming, Service, Stack
from aisuite.units import Seconds
from tests.bed.images import PYTHON
from tests.bed.place import Bed
from tests.fakes.stacks import make_service, make_stack
from tests.free_ports import free_port
from tests.unit.ops.deps import FakeGpu

_INSIDE = 9000
_SERVER = f"""
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
http.server.ThreadingHTTPServer(('', {_INSIDE}), Handler).serve_forever()
"""
# By the bed's engine, as `aisuite` chooses by what an engine can.
_TIMINGS = {"current": HealthTiming(), "oldest": HealthTiming(interval=2.0, start_interval=None)}


def answering(name: str, *needs: Dependency, **fields: Any) -> Service:
    """Return a service that answers every request with 200, and tells Docker that it is well as soon as it is asked."""
    service = replace(
        make_service(name, _INSIDE, *needs, command=("python3", "-c", _SERVER)),
        published=Endpoint("127.0.0.1", free_port()),
        image=PYTHON,
        deadline=Seconds(30),
        healthcheck=("CMD", "true"),
        health_timing=_TIMINGS[Bed.from_environment().engine],
    )
    return replace(service, **fields)


@dataclass
class Project:
    """One project folder on the bed."""

    folder: Path
    name: str
    deps: Deps = field(init=False)

    def __post_init__(self) -> None:
        self.deps = Deps(
            engine=self.engine(),
            probe=HttpProbe(),
            renderer=JinjaRenderer(find_data_dir("templates")),
            workdir=ProjectDir(self.folder),
            host=LocalHost(),
            clock=SystemClock(),
            gpu=FakeGpu(),
            preparers={},
        )

    def engine(self) -> DockerEngine:
        """Return one more engine on the project, as another command would."""
        return DockerEngine(self.folder, self.name, grace=1)

    def stack(self, *services: Service) -> Stack:
        """Return the project's stack of these services."""
        made = make_stack(*services)
        return replace(made, engine="docker", project=self.name, folder=self.folder, data=self.folder / "data")

    def write(self, stack: Stack) -> Stack:
        """Render the stack's files, as `up` does before it starts anything."""
        self.deps.workdir.write(self.deps.renderer.render(stack))
        for secret in stack.secrets:
            self.deps.workdir.ensure_secret(secret)
        return stack

    def up(self, *services: Service) -> UpReport:
        """Bring the project to these services."""
        return up(UpRequest(self.stack(*services)), self.deps)

    def containers(self) -> dict[str, str]:
        """Return {service: container} as the engine sees them."""
        return {one.name: one.container or "" for one in self.deps.engine.observe().services}

    def compose(self, *words: str) -> str:
        """Run Docker Compose on the rendered file, as a person would."""
        return docker("compose", "-f", str(self.folder / "compose.yaml"), *words)

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what the engine knows about a service's container."""
        (found,) = json.loads(docker("inspect", f"{self.name}-{service}-1"))
        return dict(found)

    def left(self) -> dict[str, list[str]]:
        """Return everything in the engine that carries the project's name."""
        label = f"label=com.docker.compose.project={self.name}"
        return {
            "containers": docker("ps", "-aq", "--filter", label).split(),
            "networks": docker("network", "ls", "--format", "{{.Name}}", "--filter", label).split(),
            "volumes": docker("volume", "ls", "-q", "--filter", label).split(),
        }


def docker(*words: str) -> str:
    """Run a docker command and return what it printed."""
    ran = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


NewProject = Callable[[], Project]


@pytest.fixture
def new_project(docker_environment: Bed, tmp_path: Path) -> Iterator[NewProject]:
    """Make projects; whatever a test leaves of them is removed, volumes too."""
    made: list[Project] = []

    def make() -> Project:
        made.append(Project(tmp_path / f"project {len(made)}", f"laws-{secrets.token_hex(4)}"))
        return made[-1]

    yield make
    for project in made:
        left = project.left()
        if left["containers"]:
            docker("rm", "-f", *left["containers"])
        for kind in ("network", "volume"):
            if left[f"{kind}s"]:
                docker(kind, "rm", *left[f"{kind}s"])


@pytest.fixture
def project(new_project: NewProject) -> Project:
    return new_project()
