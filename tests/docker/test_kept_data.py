"""Volumes know their project's folder: another folder with a project of the same name neither uses nor removes them."""

from __future__ import annotations

import pytest

from aisuite.adapters.docker_engine.volumes import DockerVolumes
from aisuite.errors import StepFailed
from aisuite.ops.down import down
from aisuite.stack.model import Mount
from tests.docker.answering import NewProject, Project, answering, docker, new_project  # noqa: F401  a fixture

pytestmark = pytest.mark.docker

KEPT = (Mount("kept", "/kept", read_only=False),)


def test_volumes_are_found_after_a_down_by_their_own_folder_alone(new_project: NewProject) -> None:  # noqa: F811
    project, namesake = new_project(), new_project()
    namesake.name = project.name
    service = answering("chat", volumes=KEPT)
    project.up(service)
    down(project.deps)
    assert DockerVolumes(project.name, project.folder).find() == (f"{project.name}_kept",)
    assert DockerVolumes(project.name, namesake.folder).find() == ()

    other = Project(namesake.folder, project.name)
    with pytest.raises(StepFailed, match=f"in another folder: {project.folder}"):
        other.up(service)

    # One that Compose has made carries no folder, and is the project's.
    docker("volume", "create", "--label", f"com.docker.compose.project={project.name}", f"{project.name}_older")
    found = DockerVolumes(project.name, project.folder)
    for name in found.find():
        found.remove(name)
    assert project.left()["volumes"] == []
