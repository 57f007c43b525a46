"""Backups of a suite in containers: the same content while it runs and when it is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.bundle.model import Manifest
from tests.bed.place import Bed
from tests.e2e.suite import Suite

pytestmark = pytest.mark.docker


@pytest.fixture
def suite(docker_bed: Bed, tmp_path: Path) -> Iterator[Suite]:
    """A demo suite in containers that is up, with two documents."""
    made = Suite(tmp_path)
    made.env |= docker_bed.variables() | {"AISUITE_PROJECT": f"backup-{token_hex(4)}"}
    (tmp_path / "letters").mkdir()
    for name in ("first", "second"):
        (tmp_path / "letters" / f"{name}.md").write_text(f"# The {name}\n\nA letter from 부산, the {name} one.\n")
    try:
        up = made.run("up", "--phase", "2", "--demo", "--engine", "docker")
        assert up.code == 0, up.err
        assert made.run("rag", "index", "letters").code == 0
        yield made
    finally:
        made.run("down", "--volumes", "--yes")


def taken(suite: Suite, *words: str) -> Manifest:
    """Make a backup, and return its manifest when every file is as it says."""
    ran = suite.run("backup", "--json", "--to", "backups", *words)
    assert ran.code == 0, ran.out
    return BundleShelf(suite.folder / "backups").check(ran.json["id"])


def test_containers_running_or_stopped_give_the_same_content(suite: Suite) -> None:
    running = taken(suite, "--name", "running", "--quiesce")
    assert [(one.aliases, one.points) for one in running.collections] == [(("letters",), 2)]
    assert running.databases[0].rows["documents"] == 2
    assert set(running.images.values()) != {""}

    suite.run("down")
    stopped = taken(suite, "--name", "stopped")
    assert suite.run("ps", "--json").json["services"] == []

    assert [one.content_digest for one in stopped.databases] == [one.content_digest for one in running.databases]
    assert [(one.name, one.samples) for one in stopped.collections] == [
        (one.name, one.samples) for one in running.collections
    ]
