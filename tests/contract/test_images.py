"""What every `Images` promises: the one in memory, and the Docker Engine's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from aisuite.errors import DownloadFailed, UsageError
from aisuite.ports import Images, Recipe
from tests.fakes.images import FakeImages, hashed


@dataclass
class Case:
    """Images, and the registry that they are fetched from."""

    images: Images
    name: str
    push: Callable[[str, bytes], str]  # tag and content -> digest


@pytest.fixture
def case() -> Case:
    """The images in memory; tests/docker runs the same laws on an engine."""
    images, name = FakeImages(), "registry.example/team/image"

    def push(tag: str, content: bytes) -> str:
        images.registry[f"{name}:{tag}"] = content.decode()
        return hashed(content.decode())

    return Case(images, name, push)


def quiet(stage: str, done: int, total: int) -> None:
    """Nobody looks."""


def test_what_was_never_fetched_is_not_here(case: Case) -> None:
    assert case.images.find(f"{case.name}:1") is None


def test_a_fetched_image_is_found_by_its_tag_and_by_its_digest(case: Case) -> None:
    digest = case.push("1", b"one")
    case.images.pull(f"{case.name}:1", quiet)
    found = case.images.find(f"{case.name}:1")
    assert found is not None
    assert found.digest == digest
    assert found.recipe is None
    assert case.images.find(f"{case.name}@{digest}") == found
    assert case.images.find(f"{case.name}:1@{digest}") == found


def test_an_image_fetched_by_its_digest_gets_its_tag(case: Case) -> None:
    digest = case.push("1", b"one")
    case.images.pull(f"{case.name}:1@{digest}", quiet)
    found = case.images.find(f"{case.name}:1")
    assert found is not None
    assert found.digest == digest


def test_a_digest_that_nobody_has_is_not_replaced_by_the_tag(case: Case) -> None:
    case.push("1", b"one")
    with pytest.raises(DownloadFailed, match="cannot fetch"):
        case.images.pull(f"{case.name}:1@sha256:{'0' * 64}", quiet)
    assert case.images.find(f"{case.name}:1") is None


def test_a_tag_that_nobody_has_is_refused(case: Case) -> None:
    with pytest.raises(DownloadFailed, match="cannot fetch") as caught:
        case.images.pull(f"{case.name}:9", quiet)
    assert caught.value.hint


def test_fetching_again_takes_a_tag_where_it_points_now(case: Case) -> None:
    case.push("1", b"one")
    case.images.pull(f"{case.name}:1", quiet)
    moved = case.push("1", b"two")
    case.images.pull(f"{case.name}:1", quiet)
    found = case.images.find(f"{case.name}:1")
    assert found is not None
    assert found.digest == moved


def test_a_name_can_stand_again_for_what_it_stood_for(case: Case) -> None:
    case.push("1", b"old")
    case.images.pull(f"{case.name}:1", quiet)
    old = case.images.find(f"{case.name}:1")
    case.push("1", b"new")
    case.images.pull(f"{case.name}:1", quiet)
    assert old is not None
    assert case.images.find(f"{case.name}:1") != old
    case.images.tag(old.id, f"{case.name}:1")
    found = case.images.find(f"{case.name}:1")
    assert found is not None
    assert found.id == old.id


def test_a_name_cannot_stand_for_what_is_not_here(case: Case) -> None:
    with pytest.raises(DownloadFailed, match="not on this machine"):
        case.images.tag("sha256:" + "0" * 64, f"{case.name}:1")


def test_a_caller_who_raises_from_the_progress_ends_the_pull(case: Case) -> None:
    case.push("1", b"one" * 1000)

    def stop(stage: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        case.images.pull(f"{case.name}:1", stop)
    assert case.images.find(f"{case.name}:1") is None


def test_a_saved_file_has_the_sha256_that_was_returned(case: Case, tmp_path: Path) -> None:
    case.push("1", b"one")
    case.images.pull(f"{case.name}:1", quiet)
    target = tmp_path / "new" / "image.tar"
    returned = case.images.save(f"{case.name}:1", target, quiet)
    assert returned == sha256(target.read_bytes()).hexdigest() == case.images.digest(target, quiet)
    assert [path.name for path in target.parent.iterdir()] == ["image.tar"]
    case.images.load(target, quiet)
    assert case.images.find(f"{case.name}:1") is not None


def test_what_is_not_here_cannot_be_saved_and_leaves_no_file(case: Case, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="is not on this machine"):
        case.images.save(f"{case.name}:1", tmp_path / "image.tar", quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_gone_has_no_digest(case: Case, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"gone\.tar"):
        case.images.digest(tmp_path / "gone.tar", quiet)


def test_nothing_is_built_on_a_base_that_is_not_here(case: Case) -> None:
    with pytest.raises(UsageError, match="is not on this machine"):
        case.images.build(f"{case.name}:1", Recipe(f"{case.name}:base"), quiet)
