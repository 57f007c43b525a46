"""The rules for rendered files hold for the containers that run, whatever was done to them since."""

# ruff: noqa: F811  fixtures come by import
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aisuite.adapters.docker_engine.live_containers import LiveContainers
from aisuite.ops.live_findings import live_findings
from aisuite.stack.compose import parse_compose
from aisuite.stack.hardening import check_hardening
from aisuite.stack.model import Mount
from aisuite.units import Mib
from tests.bed.images import PYTHON
from tests.docker.answering import Project, answering, docker, new_project, project  # noqa: F401

if TYPE_CHECKING:
    from pathlib import Path

    from aisuite.stack.model import Service

pytestmark = pytest.mark.docker


def confined(name: str) -> Service:
    return answering(name, user="1000:1000", cpus=1.0, memory=Mib(128))


def found(project: Project) -> list[tuple[str, str, str]]:
    live = LiveContainers(project.folder, project.name).read()
    return [(one.service, one.check.id, one.evidence) for one in live_findings(live)]


def test_containers_that_up_made_are_found_as_their_file_says(project: Project, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    kept, models = Mount("kept", "/kept", read_only=False), Mount(str(tmp_path / "models"), "/models")
    loose = answering("chat", capabilities=("CHOWN",), volumes=(kept,), mounts=(models,))
    project.up(loose, confined("embedding"))
    file = parse_compose((project.folder / "compose.yaml").read_text())
    expected = [(one.service, one.check.id, one.evidence) for one in check_hardening(file)]
    assert found(project) == expected
    assert {service for service, _, _ in expected} == {"chat"}


def test_what_was_done_to_a_container_since_is_found(project: Project) -> None:
    project.up(confined("chat"))
    assert found(project) == []
    docker("network", "connect", "bridge", f"{project.name}-chat-1")
    docker("update", "--pids-limit", "-1", f"{project.name}-chat-1")
    assert ("chat", "CIS-5.30", "networks: bridge is not the project's") in found(project)
    assert any(check == "CIS-5.29" for _, check, _ in found(project))


def test_a_container_that_somebody_made_by_hand_is_judged_with_all_its_liberties(project: Project) -> None:
    project.up(confined("chat"))
    labels = {
        "com.docker.compose.project": project.name,
        "com.docker.compose.project.working_dir": str(project.folder),
        "com.docker.compose.service": "mine",
        "com.docker.compose.oneoff": "False",
    }
    words = [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
    words += [word for space in ("pid", "ipc", "uts", "userns", "network") for word in (f"--{space}", "host")]
    liberties = ("--privileged", "--device", "/dev/null", "-v", "/etc:/host:rshared", "-e", "API_KEY=x")
    docker("create", *words, *liberties, PYTHON, "true")
    checks = {check for service, check, _ in found(project) if service == "mine"}
    assert checks >= {"CIS-5.5", "CIS-5.10", "CIS-5.16", "CIS-5.17", "CIS-5.18", "CIS-5.20", "CIS-5.21", "CIS-5.31"}
    assert checks >= {"CIS-5.4", "CIS-5.6", "CIS-5.11", "CIS-5.12", "CIS-5.13", "CIS-5.26", "CIS-5.27", "CIS-5.29"}
    assert checks >= {"CIS-5.30", "AIS-1", "AIS-2", "AIS-3", "AIS-4"}
