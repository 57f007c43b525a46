"""A person's folder whose suite runs on the bed, and images of which each fails in one way."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bed.images import PYTHON
from tests.bed.place import Bed
from tests.docker.answering import docker
from tests.e2e.suite import Suite

LLAMA = "ghcr.io/ggml-org/llama.cpp:server-b11669"

_ANSWERS = """#!/usr/bin/python3
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
port = int(sys.argv[sys.argv.index('--port') + 1])
http.server.ThreadingHTTPServer(('', port), Handler).serve_forever()
"""
_FILLS_MEMORY = """#!/usr/bin/python3
print('filling', flush=True)
kept = []
while True:
    kept.append(bytearray(10**7))
"""
_ENDS = "#!/bin/sh\necho this is odd\nexit 3\n"
_SILENT = "#!/bin/sh\necho waiting\nexec sleep 1000\n"
_WELL = "#!/bin/sh\n"
# By kind: the program, and the `curl` with which Docker asks a model server.
_IMAGES: dict[str, dict[str, str]] = {
    "answers": {"litellm": _ANSWERS, "curl": _WELL},
    "no-curl": {"litellm": _ANSWERS},
    "fills-memory": {"litellm": _FILLS_MEMORY, "curl": _WELL},
    "ends": {"litellm": _ENDS, "curl": _WELL},
    "silent": {"litellm": _SILENT, "curl": _WELL},
}


def image(kind: str) -> str:
    """Return the name of an image that behaves in this way."""
    return f"aisuite-bed-failing/{kind}:1"


def build_images(folder: Path) -> None:
    """Make all images; what is there already is found in the builder's cache."""
    for kind, programs in _IMAGES.items():
        context = folder / kind
        context.mkdir()
        for name, text in programs.items():
            (context / name).write_text(text)
            (context / name).chmod(0o755)
        lines = [f"FROM {PYTHON}", f"COPY {' '.join(programs)} /usr/local/bin/", 'ENTRYPOINT ["litellm"]']
        (context / "Dockerfile").write_text("\n".join([*lines, "ENV PATH=/usr/local/bin:/usr/bin:/bin", ""]))
        docker("build", "-q", "-t", image(kind), str(context))


def remove_images() -> None:
    """Remove all images."""
    there = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={image('*')}").split()
    if there:
        docker("image", "rm", "-f", *there)


class DockerSuite(Suite):
    """A folder whose commands start containers on the bed, in a project of its own."""

    def __init__(self, folder: Path, bed: Bed) -> None:
        super().__init__(folder)
        self.project = f"failing-{secrets.token_hex(4)}"
        self.state = folder / ".aisuite" / self.project
        self.env |= {**bed.variables(), "AISUITE_PROJECT": self.project}

    def profile(self, *, llama: str, gateway: str = "answers", model: str = "", source: str = "demo: true") -> None:
        """Write a profile of one model and a gateway on these images."""
        lines = [
            "phase: 1",
            "engine: docker",
            "models:",
            f"  chat: {{source: {{{source}}}, context: 256, threads: 1, deadline: 20s{model and ', ' + model}}}",
            "routes: {chat-7b: [chat]}",
            f"images: {{llama: '{llama}', gateway: '{image(gateway)}'}}",
        ]
        (self.folder / "suite.yaml").write_text("\n".join([*lines, ""]))

    def up(self, *words: str, **env: str) -> tuple[int, dict[str, Any]]:
        """Run `up` on the profile; return its exit code and its JSON."""
        ran = self.run("up", "--profile", "./suite.yaml", "--json", *words, **env)
        return ran.code, ran.json

    def refused(self, *words: str, **env: str) -> tuple[int, str, str]:
        """Run an `up` that fails; return its exit code, its message and its hint."""
        code, answer = self.up(*words, **env)
        return code, answer["error"]["message"], answer["error"]["hint"]

    def left(self) -> list[str]:
        """Return what the engine has of the project: containers, running or not, and networks."""
        label = f"label=com.docker.compose.project={self.project}"
        return [
            *docker("ps", "-a", "--format", "{{.Names}}", "--filter", label).split(),
            *docker("network", "ls", "--format", "{{.Name}}", "--filter", label).split(),
        ]

    def clear(self) -> None:
        """Remove all of the project from the engine, whatever state it is in."""
        label = f"label=com.docker.compose.project={self.project}"
        containers = docker("ps", "-aq", "--filter", label).split()
        networks = docker("network", "ls", "-q", "--filter", label).split()
        if containers:
            docker("rm", "-f", *containers)
        if networks:
            docker("network", "rm", *networks)


@pytest.fixture
def suite(docker_environment: Bed, failing_images: None, tmp_path: Path) -> Iterator[DockerSuite]:
    """A folder in which nothing was ever started; whatever a test leaves in the engine is removed."""
    fresh = DockerSuite(tmp_path, docker_environment)
    yield fresh
    fresh.clear()
