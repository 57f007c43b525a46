"""What the adapter of images decides without an engine."""

from __future__ import annotations

import re
import shutil
import tarfile
import tomllib
from collections import namedtuple
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.adapters.images import DockerImages
from aisuite.adapters.images.context import dockerfile, fingerprint, locks, make_context, sources
from aisuite.adapters.images.failures import build_failure, pull_failure
from aisuite.adapters.images.packages import Python, parse_python
from aisuite.adapters.images.transfer import Disk, Layers
from aisuite.errors import AisuiteError, DiskFull, DownloadFailed, EngineUnavailable, StepFailed, UsageError
from aisuite.ports import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
RECIPE = Recipe("python:3.13-slim")


def make_site(folder: Path, *, reversed_order: bool = False) -> Path:
    files = {
        "fastapi/__init__.py": "x = 1",
        "fastapi-1.dist-info/METADATA": "Name: fastapi",
        "fastapi-1.dist-info/RECORD": f"{folder}",
        "bin/uvicorn": f"#!{folder}/python",
        "fastapi/__pycache__/a.cpython-311.pyc": "x",
        "fastapi/old.pyc": "x",
    }
    for name in sorted(files, reverse=reversed_order):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(files[name])
    return folder


def test_the_same_installation_gives_the_same_context(tmp_path: Path) -> None:
    first = make_context(RECIPE, make_site(tmp_path / "a"))
    second = make_context(RECIPE, make_site(tmp_path / "b", reversed_order=True))
    assert first.getvalue() == second.getvalue()


def test_a_context_holds_the_services_and_packages_and_nothing_of_this_machine(tmp_path: Path) -> None:
    with tarfile.open(fileobj=make_context(RECIPE, make_site(tmp_path))) as tar:
        names = set(tar.getnames())
        assert {(one.mtime, one.uid, one.gid, one.mode) for one in tar} == {(0, 0, 0, 0o644)}
    site = {name for name in names if name.startswith("site/")}
    assert site == {"site/fastapi/__init__.py", "site/fastapi-1.dist-info/METADATA"}
    assert {"Dockerfile", "app/aisuite/__init__.py", "app/aisuite/services/rag/app.py"} <= names
    assert not any(name.startswith(("app/aisuite/cli", "app/aisuite/adapters")) for name in names)


def test_the_dockerfile_needs_no_buildkit_no_network_and_no_root() -> None:
    lines = [line for line in dockerfile(RECIPE).splitlines() if line and not line.startswith("#")]
    assert lines[:2] == ["ARG BASE=python:3.13-slim", "FROM ${BASE}"]
    assert lines[-1].startswith("USER 1")
    assert not any(word in dockerfile(RECIPE) for word in ("--mount", "<<", "pip ", "apt", "curl", "syntax="))


def test_a_recipe_has_another_fingerprint_when_anything_in_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = fingerprint(RECIPE, "sha256:1")
    assert first == fingerprint(RECIPE, "sha256:1")
    assert first != fingerprint(RECIPE, "sha256:2")
    assert first != fingerprint(Recipe(RECIPE.base, vectordb=True), "sha256:1")
    assert first != fingerprint(Recipe(RECIPE.base, fastembed=True), "sha256:1")
    changed = sources() | {"aisuite/__init__.py": b"changed"}
    monkeypatch.setattr("aisuite.adapters.images.context.sources", lambda: changed)
    assert first != fingerprint(RECIPE, "sha256:1")


def test_every_locked_package_has_a_hash_and_the_version_that_the_tests_run_with() -> None:
    tested = set((ROOT / "locks" / "dev.txt").read_text().splitlines())
    for lock in locks(Recipe("x", vectordb=True, fastembed=True)):
        pinned = [line for line in lock.read_text().splitlines() if "==" in line]
        assert pinned
        assert all(line.endswith(" \\") for line in pinned)
        assert set(pinned) <= tested


def test_the_image_has_what_the_services_extra_asks_for() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = {re.split(r"[^a-z-]", one)[0] for one in extras["services"]}
    assert asked <= set((ROOT / "templates" / "images" / "services.in").read_text().split())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("3 13 x86_64 2.41\n", Python("3.13", "x86_64-manylinux_2_40")),
        ("3 11 x86_64 2.36", Python("3.11", "x86_64-manylinux_2_36")),
        ("3 12 aarch64 2.35", Python("3.12", "aarch64-manylinux_2_34")),
    ],
)
def test_the_base_images_python_decides_the_wheels(answer: str, expected: Python) -> None:
    assert parse_python(answer, "base:1") == expected


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("3 10 x86_64 2.36", "Python 3.10; the services need 3.11"),
        ("3 13 x86_64 none", "not built on glibc"),
        ("3 13 s390x 2.41", "a platform without packages"),
        ("3 13 x86_64 2.5", "a platform without packages"),
        ("", "does not say which Python"),
    ],
)
def test_a_base_image_that_cannot_carry_the_services_is_refused(answer: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        parse_python(answer, "base:1")
    assert "--base" in str(caught.value.hint)


@given(st.text())
def test_any_answer_is_read_or_refused(answer: str) -> None:
    with suppress(UsageError):
        assert parse_python(answer, "base:1").platform


def test_the_layers_add_up_and_never_shrink() -> None:
    layers, seen = Layers(), []
    for event in (
        {"status": "Pulling from x"},
        {"id": "a", "status": "Pulling fs layer", "progressDetail": {}},
        {"id": "a", "status": "Downloading", "progressDetail": {"current": 10, "total": 100}},
        {"id": "b", "status": "Already exists"},
        {"id": "c", "status": "Downloading", "progressDetail": {"current": 5, "total": 50}},
        {"id": "a", "status": "Download complete", "progressDetail": {}},
        {"id": "a", "status": "Extracting", "progressDetail": {"current": 1, "total": 300}},
        {"id": "c", "status": "Pull complete", "progressDetail": {}},
    ):
        layers.see(event)
        seen.append((layers.done, layers.total))
    assert seen[-1] == (150, 150)
    assert seen == sorted(seen)


def test_a_pull_that_would_fill_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 2 * 2**30))
    disk = Disk(str(tmp_path))
    disk.check("a:1", 300 * 2**20)
    with pytest.raises(DiskFull, match=r"a:1 needs about 2224 MiB below .*, 2048 MiB are free"):
        disk.check("a:1", 400 * 2**20)


def test_a_remote_engines_disk_is_not_judged_by_ours(tmp_path: Path) -> None:
    Disk(str(tmp_path / "nowhere")).check("a:1", 2**60)


@pytest.mark.parametrize(
    ("reason", "kind", "hint"),
    [
        ("manifest for a:1 not found: manifest unknown", DownloadFailed, "images.*"),
        ("pull access denied for a, repository does not exist", DownloadFailed, "docker login docker.io"),
        ("unauthorized: authentication required", DownloadFailed, "docker login docker.io"),
        ("toomanyrequests: You have reached your limit", DownloadFailed, "docker login"),
        ("write /var/x: no space left on device", DiskFull, "docker system df"),
        ("dial tcp: lookup ghcr.io: no such host", DownloadFailed, "aisuite images load"),
        ("", DownloadFailed, "network"),
    ],
)
def test_a_refused_pull_says_what_to_do(reason: str, kind: type[AisuiteError], hint: str) -> None:
    error = pull_failure("a:1", reason)
    assert type(error) is kind
    assert error.message.startswith("cannot fetch a:1: ")
    assert hint in str(error.hint)


def test_a_failed_build_names_its_step() -> None:
    error = build_failure("a:1", "COPY failed", "Step 4/11 : COPY site /opt")
    assert isinstance(error, StepFailed)
    assert "Step 4/11" in error.message
    assert isinstance(build_failure("a:1", "no space left on device", ""), DiskFull)


@pytest.mark.parametrize(
    "call",
    [
        lambda images: images.find("a:1"),
        lambda images: images.pull("a:1", lambda *_: None),
        lambda images: images.build("a:1", RECIPE, lambda *_: None),
        lambda images: images.save("a:1", Path("a.tar"), lambda *_: None),
    ],
)
@pytest.mark.parametrize("place", ["tcp://127.0.0.1:9", "nonsense"])
def test_without_an_engine_every_call_says_where_it_looked(
    call: Callable[[DockerImages], object], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", place)
    with pytest.raises(EngineUnavailable, match=place) as caught:
        call(DockerImages())
    assert caught.value.hint
