"""`up` and images on a real engine: fetched before anything starts, refused when nothing may be fetched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from aisuite.adapters.images import DockerImages
from aisuite.errors import DownloadFailed
from aisuite.ops.fetch_images import Pull, with_old_images_seen
from aisuite.ops.up import UpReport, UpRequest, up
from aisuite.stack.model import Stack
from tests.bed.images import PYTHON
from tests.bed.place import Bed
from tests.docker.answering import Project, answering, docker, new_project, project  # noqa: F401  fixtures
from tests.docker.registry import Registry, serving

pytestmark = pytest.mark.docker


@pytest.fixture
def registry(docker_environment: Bed) -> Iterator[Registry]:
    with serving(docker_environment) as registry:
        yield registry


def bring_up(project: Project, stack: Stack, pull: Pull) -> UpReport:  # noqa: F811
    return up(UpRequest(stack, pull=pull), replace(project.deps, images=DockerImages()))


def test_what_is_missing_is_fetched_first_and_nothing_starts_without_all_of_it(
    registry: Registry,
    project: Project,  # noqa: F811
) -> None:
    registry.push("1.0", b"one")
    there, nowhere = f"{registry.host}/team/image:1.0", f"{registry.host}/team/image:9.9"
    services = (answering("chat"), answering("code", image=there))
    with pytest.raises(DownloadFailed) as caught:
        bring_up(project, project.stack(*services), Pull("never"))
    assert f"- {there}, for code" in caught.value.message
    assert PYTHON not in caught.value.message
    with pytest.raises(DownloadFailed, match=r"cannot fetch .*:9\.9"):
        bring_up(project, project.stack(*services, answering("third", image=nowhere)), Pull("missing"))
    assert project.left() == {"containers": [], "networks": [], "volumes": []}
    report = bring_up(project, project.stack(*services), Pull("missing"))
    assert report.degraded  # it arrived, but there is no program in it
    assert DockerImages().find(there) is not None


def test_a_container_whose_image_has_got_another_meaning_is_told_from_one_that_is_as_it_was(
    project: Project,  # noqa: F811
) -> None:
    name = f"{project.name}/server:1"
    docker("tag", PYTHON, name)
    try:
        stack = project.stack(answering("chat", image=name), answering("code"))
        bring_up(project, stack, Pull("never"))
        observed = project.deps.engine.observe()
        assert with_old_images_seen(observed, stack, DockerImages()) == observed
        docker("commit", f"{project.name}-code-1", name)
        seen = with_old_images_seen(project.deps.engine.observe(), stack, DockerImages())
        differ = {one.name for one in seen.services if "another one" in one.fingerprint["image"]}
        assert differ == {"chat"}
    finally:
        docker("rmi", "--force", name)
