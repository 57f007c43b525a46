"""The rendered folder runs with Docker Compose alone: no aisuite takes part once it is written."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest

from aisuite.adapters.demo_models import write_demo_model
from aisuite.adapters.docker_engine.live_containers import LiveContainers
from aisuite.adapters.workdir import ProjectDir
from aisuite.ops.live_findings import live_findings
from tests.e2e.suite import Suite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bed.place import Bed

pytestmark = pytest.mark.docker

PROJECT = f"compose-alone-{token_hex(4)}"
SENTENCES = {"chat": "Hello from the chat container.", "code": "Hello from the code container."}
SERVICES = {"inference-chat", "inference-code", "api-gateway", "qdrant", "embedding", "rag"}


@dataclass(frozen=True)
class Composed:
    """A rendered folder and the ports that it publishes."""

    bed: Bed
    folder: Path
    ports: dict[str, str]

    def compose(self, *words: str) -> str:
        argv = self.bed.docker_argv("compose", "-f", str(self.folder / "compose.yaml"), *words)
        environment = self.bed.variables()
        ran = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=180, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def containers(self) -> dict[str, dict[str, Any]]:
        """Return what `docker compose ps` says, by service."""
        lines = self.compose("ps", "--all", "--format", "json").splitlines()
        return {one["Service"]: one for one in map(json.loads, lines)}

    def described(self) -> dict[str, dict[str, Any]]:
        """Return what `docker inspect` says, by container."""
        names = [one["Name"] for one in self.containers().values()]
        return {one["Name"].lstrip("/"): one for one in json.loads(self.bed.docker("inspect", *names))}

    def secret(self, name: str) -> str:
        return (self.folder / "secrets" / name).read_text()

    def url(self, port: str) -> str:
        return f"http://127.0.0.1:{self.ports[port]}"


@pytest.fixture(scope="module")
def composed(docker_bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """The demo profile as `aisuite render` leaves it, with keys and models beside it, brought up by Compose."""
    suite = Suite(tmp_path_factory.mktemp("compose"))
    suite.env |= docker_bed.variables()
    folder = suite.folder / ".aisuite" / PROJECT
    ran = suite.run("render", "--demo", "--engine", "docker", "--project", PROJECT, "-o", str(folder))
    assert ran.code == 0, ran.err
    for name in ("gateway_key", "service_key"):
        ProjectDir(folder).ensure_secret(name)
    for model, sentence in SENTENCES.items():
        write_demo_model(folder / "data" / "demo-models" / f"demo-{model}.gguf", sentence)
    made = Composed(docker_bed, folder, suite.ports)
    try:
        made.compose("up", "--detach", "--wait", "--pull", "never")
        yield made
    finally:
        made.compose("down", "--volumes", "--remove-orphans")
        label = f"label=com.docker.compose.project={PROJECT}"
        assert docker_bed.docker("ps", "--all", "--quiet", "--filter", label) == ""


def test_every_service_of_the_rendered_file_becomes_healthy(composed: Composed) -> None:
    assert {name: one["Health"] for name, one in composed.containers().items()} == dict.fromkeys(SERVICES, "healthy")


@pytest.mark.parametrize(("route", "model"), [("chat-7b", "chat"), ("code-7b", "code")])
def test_a_chat_through_the_gateway_is_answered_by_the_first_server_of_its_route(
    composed: Composed, route: str, model: str
) -> None:
    with openai.OpenAI(
        base_url=f"{composed.url('API_GATEWAY_PORT')}/v1", api_key=composed.secret("gateway_key")
    ) as client:
        answer = client.chat.completions.create(model=route, messages=[{"role": "user", "content": "hi"}])
    assert answer.choices[0].message.content == SENTENCES[model]


def test_what_was_indexed_is_found_and_answered_from(composed: Composed) -> None:
    key = {"Authorization": f"Bearer {composed.secret('service_key')}"}
    with httpx.Client(base_url=composed.url("RAG_PORT"), headers=key, timeout=60) as rag:
        documents = [{"id": "moon", "text": "The lighthouse of Mira stands on the northern cliff."}]
        indexed = rag.post("/index", json={"collection": "notes", "documents": documents})
        assert indexed.status_code == 200, indexed.text
        found = rag.post("/query", json={"collection": "notes", "query": "Where does the lighthouse stand?"})
    assert found.status_code == 200, found.text
    assert SENTENCES["chat"] in found.text


@pytest.mark.parametrize("port", ["API_GATEWAY_PORT", "INFERENCE_PORT", "RAG_PORT", "EMBEDDING_PORT", "QDRANT_PORT"])
def test_no_published_port_answers_without_the_key(composed: Composed, port: str) -> None:
    paths = {"EMBEDDING_PORT": "/v1/embeddings", "RAG_PORT": "/collections", "QDRANT_PORT": "/collections"}
    method = "POST" if port == "EMBEDDING_PORT" else "GET"
    assert httpx.request(method, composed.url(port) + paths.get(port, "/v1/models")).status_code == 401


def test_no_container_shows_a_key(composed: Composed) -> None:
    shown = json.dumps(composed.described()) + composed.compose("logs", "--no-color")
    for name in ("gateway_key", "service_key"):
        assert composed.secret(name) not in shown


def test_every_container_is_confined(composed: Composed, docker_environment: Bed) -> None:
    live = LiveContainers(composed.folder, PROJECT).read()
    assert live.described.services.keys() == SERVICES
    # Containers run as who rendered their file, for the keys are his alone; the bed's user is root.
    assert {(one.check.id, one.evidence) for one in live_findings(live)} == {("AIS-1", "user: 0:0")}
