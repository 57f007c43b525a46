"""Pulling, against a registry of one image on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aisuite.adapters.images import DockerImages
from aisuite.adapters.images.transfer import Disk
from aisuite.adapters.shared_folder import SharedFolder
from aisuite.errors import DiskFull, DownloadFailed
from aisuite.ops.image_bundle import load_images, save_images
from aisuite.ops.image_lock import lock_images, read_lock, verify_images
from aisuite.ops.images import NeededImage, pull_images
from aisuite.ports import Progress
from tests.bed.place import Bed
from tests.docker.registry import Registry, serving

pytestmark = pytest.mark.docker
LAYER = 6 * 2**20  # bytes: enough for several events of progress


@pytest.fixture
def registry(docker_environment: Bed) -> Iterator[Registry]:
    with serving(docker_environment) as registry:
        yield registry


def needed(registry: Registry, *tags: str) -> tuple[NeededImage, ...]:
    return tuple(NeededImage(f"{registry.host}/team/image:{tag}", ("chat",), built=False) for tag in tags)


def silent(_reference: str) -> Progress:
    return lambda stage, done, total: None


def test_an_image_arrives_with_its_digest_and_its_progress(registry: Registry) -> None:
    expected = registry.push("1.0", bytes(LAYER))
    told: list[tuple[int, int]] = []
    (one,) = needed(registry, "1.0")
    DockerImages().pull(one.reference, lambda stage, done, total: told.append((done, total)))
    found = DockerImages().find(one.reference)
    assert found is not None
    assert found.digest == expected
    assert found.bytes >= LAYER
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] >= LAYER


def test_two_images_are_fetched_together_and_only_once(registry: Registry) -> None:
    registry.push("1.0", b"one")
    registry.push("2.0", b"two")
    both = needed(registry, "1.0", "2.0")
    first = pull_images(both, DockerImages(), {}, progress_for=silent)
    assert set(first.changed) == {one.reference for one in both}
    assert {row.state for row in first.images} == {"present"}
    assert pull_images(both, DockerImages(), {}, progress_for=silent).changed == ()


def test_a_tag_that_moves_is_seen_and_the_locked_image_can_be_had_again(registry: Registry, tmp_path: Path) -> None:
    locked = registry.push("1.0", b"first")
    wanted, images, folder = needed(registry, "1.0"), DockerImages(), SharedFolder(tmp_path)
    pull_images(wanted, images, {}, progress_for=silent)
    assert lock_images(wanted, images, folder).changed
    assert read_lock(folder)[wanted[0].reference].digest == locked
    assert verify_images(wanted, images, folder).exit_code == 0
    moved = registry.push("1.0", b"second")
    pull_images(wanted, images, {}, policy="always", progress_for=silent)
    report = verify_images(wanted, images, folder)
    assert (report.exit_code, report.images[0].state, report.images[0].found) == (8, "differs", moved)
    pull_images(wanted, images, read_lock(folder), policy="always", progress_for=silent)
    assert verify_images(wanted, images, folder).exit_code == 0
    found = images.find(wanted[0].reference)
    assert found is not None
    assert found.digest == locked


def test_a_machine_without_a_network_verifies_what_it_got_in_a_bundle(
    registry: Registry, docker_environment: Bed, tmp_path: Path
) -> None:
    registry.push("1.0", b"carried")
    wanted, images, folder = needed(registry, "1.0"), DockerImages(), SharedFolder(tmp_path)
    pull_images(wanted, images, {}, progress_for=silent)
    lock_images(wanted, images, folder)
    save_images(wanted, images, folder, progress_for=silent)
    docker_environment.docker("image", "rm", wanted[0].reference)
    assert verify_images(wanted, images, folder).images[0].state == "missing"
    load_images(images, folder, progress_for=silent)
    assert verify_images(wanted, images, folder).exit_code == 0


@pytest.mark.parametrize(("status", "hint"), [(404, "images.*"), (401, "docker login"), (429, "docker login")])
def test_what_a_registry_refuses_is_said_with_what_to_do(status: int, hint: str, registry: Registry) -> None:
    registry.push("1.0", b"x")
    registry.refuse = status
    (one,) = needed(registry, "1.0")
    with pytest.raises(DownloadFailed, match="cannot fetch " + one.reference) as caught:
        DockerImages().pull(one.reference, lambda *_: None)
    assert hint in str(caught.value.hint)


def test_a_registry_that_nobody_answers_for_is_a_network_matter(docker_environment: Bed) -> None:
    with pytest.raises(DownloadFailed, match=r"cannot fetch 127\.0\.0\.1:9/a:1") as caught:
        DockerImages().pull("127.0.0.1:9/a:1", lambda *_: None)
    assert "aisuite images load" in str(caught.value.hint)


def test_an_image_that_the_disk_cannot_take_is_stopped_while_it_comes(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.push("1.0", bytes(LAYER))
    (one,) = needed(registry, "1.0")

    def little(self: Disk, reference: str, download: int) -> None:
        if download:
            raise DiskFull(f"{reference} does not fit")

    monkeypatch.setattr(Disk, "check", little)
    with pytest.raises(DiskFull, match="does not fit"):
        DockerImages().pull(one.reference, lambda *_: None)
    assert DockerImages().find(one.reference) is None
