"""Backups of containers with the Qdrant server: restored, killed and taken back, drilled beside the suite."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from aisuite.ports.failpoint import VARIABLE as FAILPOINT
from tests.bed.place import Bed
from tests.e2e.suite import Ran, Suite

pytestmark = pytest.mark.docker

PROJECT = f"restore-{token_hex(4)}"
KILLED = 137


@pytest.fixture
def suite(docker_bed: Bed, tmp_path: Path) -> Iterator[Suite]:
    """A demo suite in containers that is up and knows one letter."""
    made = Suite(tmp_path)
    made.env |= docker_bed.variables() | {"AISUITE_PROJECT": PROJECT}
    try:
        done(made, "up", "--phase", "2", "--demo", "--engine", "docker")
        send(made, "first")
        yield made
    finally:
        done(made, "down", "--volumes", "--yes")


def done(suite: Suite, *words: str) -> Ran:
    ran = suite.run(*words)
    assert ran.code == 0, ran.out + ran.err
    return ran


def send(suite: Suite, name: str) -> None:
    letters = suite.folder / "letters"
    letters.mkdir(exist_ok=True)
    (letters / f"{name}.md").write_text(f"# The {name}\n\nA letter from 부산, the {name} one.\n")
    done(suite, "rag", "index", "letters")


def content(suite: Suite) -> tuple[object, ...]:
    """Return what a backup of the suite as it is now holds."""
    manifest = (suite.folder / ".aisuite" / PROJECT / "backups" / done(suite, "backup", "--json").json["id"]).joinpath(
        "manifest.json"
    )
    found = json.loads(manifest.read_text())["manifest"]
    rows = [one["rows"] for one in found["databases"]]
    return rows, [(one["aliases"], one["points"], one["samples"]) for one in found["collections"]]


def test_what_containers_keep_comes_back_or_stays_and_a_drill_leaves_nothing(suite: Suite, docker_bed: Bed) -> None:
    first = content(suite)
    bundle = done(suite, "backup", "--json", "--name", "first").json["id"]
    send(suite, "second")
    second = content(suite)
    assert first != second

    assert suite.run("restore", bundle, "--yes", **{FAILPOINT: "restore.start"}).code == KILLED
    done(suite, "restore", "--undo")
    assert content(suite) == second

    assert suite.run("restore", bundle, "--yes", **{FAILPOINT: "restore.place"}).code == KILLED
    done(suite, "restore", "--resume")
    assert content(suite) == first

    assert done(suite, "backup", "verify", bundle, "--level", "drill", "--json").json["sampled_points"] == 1
    assert docker_bed.docker("volume", "ls", "--quiet", "--filter", f"name={PROJECT}-drill").split() == []
    assert docker_bed.docker("ps", "--all", "--quiet", "--filter", f"name={PROJECT}-drill").split() == []
