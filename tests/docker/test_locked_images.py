"""What a lock says is what starts: by its digest, or, where an image came in a file, by the tag that it came with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aisuite.adapters.docker_engine.site_facts import find_loaded
from aisuite.adapters.images import DockerImages
from aisuite.adapters.shared_folder import SharedFolder
from aisuite.ops.image_bundle import load_images, save_images
from aisuite.ops.image_lock import find_exact, lock_images, read_lock
from aisuite.ops.images import NeededImage, pull_images
from aisuite.ports import Progress
from aisuite.stack.image_lock import Locked, digests_to_start
from aisuite.stack.model import Service
from tests.bed.place import Bed
from tests.docker.answering import NewProject, Project, answering, docker, new_project, project
from tests.docker.registry import Registry, serving

__all__ = ["new_project", "project"]
pytestmark = pytest.mark.docker


@pytest.fixture
def registry(docker_environment: Bed) -> Iterator[Registry]:
    with serving(docker_environment) as registry:
        yield registry


@pytest.fixture
def program(docker_environment: Bed) -> bytes:
    """Return a program that needs no library, nor any other file: Docker's own init."""
    found = shutil.which("docker-init", path=docker_environment.variables()["PATH"])
    assert found is not None
    return Path(found).read_bytes()


def silent(_reference: str) -> Progress:
    return lambda stage, done, total: None


def fetched(registry: Registry, folder: SharedFolder) -> tuple[tuple[NeededImage, ...], dict[str, Locked]]:
    """Pull the registry's image, lock it, and return it with the lock."""
    needed = (NeededImage(f"{registry.host}/team/image:1.0", ("chat",), built=False),)
    pull_images(needed, DockerImages(), {}, progress_for=silent)
    lock_images(needed, DockerImages(), folder)
    return needed, read_lock(folder)


def started(project: Project, image: str, digest: str | None) -> Service:
    """Start one service of the image; it runs, and ends at once."""
    service = answering("chat", image=image, image_digest=digest, entrypoint=("/file",), command=("--version",))
    project.deps.engine.open(project.write(project.stack(service)))
    project.deps.engine.start(service, {})
    return service


def test_a_tag_that_has_moved_since_does_not_change_what_starts(
    registry: Registry, program: bytes, project: Project, tmp_path: Path
) -> None:
    digest = registry.push("1.0", program)
    (needed,), lock = fetched(registry, SharedFolder(tmp_path / "lock"))
    registry.push("1.0", b"something else")
    pull_images((needed,), DockerImages(), {}, policy="always", progress_for=silent)
    assert find_exact(DockerImages(), needed.reference, lock) is None
    assert find_loaded(lock, will_run=False) == frozenset()
    started(project, needed.reference, digests_to_start(lock, ())[needed.reference])
    found = project.inspect("chat")
    assert found["Config"]["Image"] == f"{needed.reference}@{digest}"
    assert found["Image"] == lock[needed.reference].id
    project.compose("up", "--detach", "--no-start")
    assert project.inspect("chat")["Id"] == found["Id"]


def test_an_image_from_a_bundle_starts_although_no_digest_leads_to_it(
    registry: Registry, program: bytes, new_project: NewProject, tmp_path: Path
) -> None:
    registry.push("1.0", program)
    folder = SharedFolder(tmp_path / "bundle")
    needed, lock = fetched(registry, folder)
    (reference,) = lock
    save_images(needed, DockerImages(), folder, progress_for=silent)
    docker("image", "rm", reference)
    load_images(DockerImages(), folder, progress_for=silent)
    found = DockerImages().find(reference)
    assert found is not None
    assert (found.id, found.digest) == (lock[reference].id, None)
    assert DockerImages().find(f"{reference}@{lock[reference].digest}") is None
    digests = digests_to_start(lock, find_loaded(lock, will_run=False))
    project = new_project()
    service = started(project, reference, digests.get(reference))
    assert replace(service, image_digest=None) == service
    assert project.inspect("chat")["Image"] == lock[reference].id
