"""Containers that are killed or removed behind our back come back; what they keep goes only when that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from tests.bed.place import Bed
from tests.e2e.suite import Ran, Suite, wait_for

pytestmark = pytest.mark.docker

PROJECT = f"lifecycle-{token_hex(4)}"


class Contained:
    """A suite in containers of the bed."""

    def __init__(self, bed: Bed, folder: Path) -> None:
        self.bed = bed
        self.suite = Suite(folder)
        self.suite.env |= bed.variables() | {"AISUITE_PROJECT": PROJECT}

    def run(self, *words: str) -> Ran:
        ran = self.suite.run(*words)
        assert ran.code == 0, ran.out + ran.err
        return ran

    def volumes(self) -> list[str]:
        return self.bed.docker("volume", "ls", "--quiet", "--filter", f"name={PROJECT}_").split()


@pytest.fixture
def contained(docker_bed: Bed, tmp_path: Path) -> Iterator[Contained]:
    """A demo suite in containers that is up."""
    made = Contained(docker_bed, tmp_path)
    try:
        made.run("up", "--demo", "--engine", "docker")
        yield made
    finally:
        made.run("down", "--volumes", "--yes")


def test_killed_and_removed_containers_come_back_and_volumes_go_when_asked(contained: Contained) -> None:
    # Both switch the engine's own restart policy off.
    contained.bed.docker("kill", f"{PROJECT}-inference-chat-1")
    contained.bed.docker("rm", "--force", f"{PROJECT}-qdrant-1")
    found = contained.run("watch", "--once", "--json").json
    assert {name for name, state in found["services"].items() if state == "down"} == {"inference-chat", "qdrant"}
    wait_for(lambda: {one["health"] for one in contained.suite.services().values()} == {"healthy"})

    before = {name: one["container"] for name, one in contained.suite.services().items()}
    contained.run("restart", "rag")
    after = {name: one["container"] for name, one in contained.suite.services().items()}
    assert {name for name in before if after[name] != before[name]} == {"rag"}

    assert contained.run("down", "--json").json["removed"] == []
    assert len(contained.volumes()) == 2
    contained.run("up", "--demo", "--engine", "docker")
    assert contained.suite.run("down", "--volumes").code == 2
    removed = contained.run("down", "--volumes", "--yes", "--json").json["removed"]
    assert removed == [f"{PROJECT}_qdrant-snapshots", f"{PROJECT}_qdrant-storage"]
    assert contained.volumes() == []
