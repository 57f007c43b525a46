"""`render` on fakes: what it writes besides the files that are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisuite.ops.render import render
from aisuite.stack.model import EngineName
from aisuite.stack.resolve import resolve
from tests.fakes.profiles import make_renderer, make_site, shipped
from tests.fakes.workdir import FakeWorkdir

FOLDER = Path("/srv/aisuite/.aisuite/default")


def written(engine: EngineName, target: Path, *, diff: bool = False) -> set[str]:
    stack = resolve(shipped("demo"), "demo", make_site(engine, folder=FOLDER))
    workdir = FakeWorkdir(target)
    report = render([stack], make_renderer(), workdir, diff=diff)
    assert "compose.yaml" in report.files or engine == "process"
    return set(workdir.files)


def test_folders_that_containers_write_to_are_there_when_compose_runs_the_rendered_file() -> None:
    assert "data/rag/.kept-here" in written("docker", FOLDER)


@pytest.mark.parametrize(("engine", "target"), [("docker", Path("/tmp/elsewhere")), ("process", FOLDER)])
def test_nobody_else_gets_such_folders(engine: EngineName, target: Path) -> None:
    assert not [name for name in written(engine, target) if name.endswith(".kept-here")]


def test_a_comparison_writes_nothing() -> None:
    assert written("docker", FOLDER, diff=True) == set()
