"""`eject` on fakes: a folder that can be moved, with its keys, and nothing of others overwritten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aisuite.errors import UsageError
from aisuite.ops.eject import eject
from aisuite.ports import Deps
from aisuite.stack.compose import parse_compose
from aisuite.stack.model import Stack
from aisuite.stack.resolve import resolve
from tests.fakes.profiles import make_profile, make_renderer, make_site, shipped
from tests.fakes.workdir import FakeWorkdir
from tests.unit.ops.deps import FakePreparer, make_world


def _stack(folder: Path, *, demo: bool = True) -> Stack:
    profile = shipped("demo") if demo else make_profile()
    return resolve(profile, "demo" if demo else "small", make_site("docker", folder=folder))


def _deps(folder: Path) -> tuple[Deps, FakeWorkdir, FakePreparer]:
    workdir, preparer = FakeWorkdir(folder), FakePreparer()
    deps = replace(make_world().deps, workdir=workdir, renderer=make_renderer(), preparers={"demo-models": preparer})
    return deps, workdir, preparer


def test_everything_that_compose_needs_is_written(tmp_path: Path) -> None:
    deps, workdir, preparer = _deps(tmp_path / "out")
    report = eject(_stack(tmp_path / "out"), deps)
    assert set(report.files) == {
        "compose.yaml",
        "litellm.yaml",
        "model_servers.py",
        "start_gateway.py",
        ".env",
        "README.txt",
        "data/rag/.kept-here",
    }
    secrets = {name for name in workdir.files if name.startswith("secrets/")}
    assert secrets == {"secrets/gateway_key", "secrets/gateway_key.header", "secrets/service_key"}
    assert preparer.ran == ["ran"]
    assert report.missing == ()


def test_what_lies_in_the_folder_is_named_relative_to_it(tmp_path: Path) -> None:
    deps, workdir, _ = _deps(tmp_path / "out")
    eject(_stack(tmp_path / "out"), deps)
    assert str(tmp_path) not in workdir.files["compose.yaml"]
    volumes = parse_compose(workdir.files["compose.yaml"]).services["inference-chat"].volumes
    assert [one.source for one in volumes] == ["./data/demo-models"]


def test_models_elsewhere_keep_their_place_and_the_missing_are_named(tmp_path: Path) -> None:
    deps, workdir, _ = _deps(tmp_path / "out")
    report = eject(_stack(tmp_path / "out", demo=False), deps)
    assert report.missing == ("/srv/aisuite/models/chat.gguf", "/srv/aisuite/models/code.gguf")
    assert "/srv/aisuite/models   the model files" in workdir.files["README.txt"]


def test_the_readme_names_what_starts_it_the_key_and_every_image_but_no_key(tmp_path: Path) -> None:
    deps, workdir, _ = _deps(tmp_path / "out")
    stack = _stack(tmp_path / "out")
    eject(stack, deps)
    text = workdir.files["README.txt"]
    assert "docker compose up" in text
    assert "http://127.0.0.1:8000/v1" in text
    assert all(str(service.image) in text for service in stack.services)
    assert workdir.files["secrets/gateway_key"] not in text


def test_a_second_eject_keeps_the_keys_and_changes_nothing(tmp_path: Path) -> None:
    deps, workdir, preparer = _deps(tmp_path / "out")
    eject(_stack(tmp_path / "out"), deps)
    before = dict(workdir.files)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "compose.yaml").write_text("")
    assert eject(_stack(tmp_path / "out"), deps).changed == ()
    assert workdir.files == before
    assert preparer.ran == ["ran"]


@pytest.mark.parametrize("name", ["a-file", "a-folder"])
def test_a_place_that_holds_something_else_is_refused_untouched(tmp_path: Path, name: str) -> None:
    (tmp_path / "a-file").write_text("mine")
    (tmp_path / "a-folder").mkdir()
    (tmp_path / "a-folder" / "mine").write_text("mine")
    deps, workdir, preparer = _deps(tmp_path / name)
    with pytest.raises(UsageError, match=name):
        eject(_stack(tmp_path / name), deps)
    assert workdir.files == {}
    assert preparer.ran == []
