"""The bed itself: what the other tests of this folder stand on."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from aisuite.profile.model import Images
from tests.bed import network
from tests.bed.images import ALERTMANAGER, PROMETHEUS, catalogue, outdated
from tests.bed.place import Bed, BedError, run
from tests.bed.up import bring_up


@pytest.mark.docker
def test_a_second_up_makes_nothing_anew(docker_bed: Bed) -> None:
    names = [image.name for image in catalogue(docker_bed)]
    before = docker_bed.docker("image", "inspect", "-f", "{{.Id}}", *names)
    bring_up(docker_bed, lambda _line: None)
    assert docker_bed.docker("image", "inspect", "-f", "{{.Id}}", *names) == before


@pytest.mark.docker
def test_an_image_made_from_something_else_is_outdated(docker_bed: Bed) -> None:
    images = catalogue(docker_bed)
    assert outdated(docker_bed, images) == []
    foreign = "aisuite-bed/foreign:1"
    docker_bed.docker("tag", images[0].name, foreign)
    try:
        renamed = type(images[1])(foreign, "other", images[1].prepare, images[1].build, "")
        assert outdated(docker_bed, (*images, renamed)) == [renamed]
    finally:
        docker_bed.docker("rmi", foreign)


@pytest.mark.docker
def test_the_stand_in_says_that_it_is_not_qdrant(docker_bed: Bed) -> None:
    (described,) = json.loads(docker_bed.docker("image", "inspect", Images().qdrant))
    assert "not Qdrant" in described["Config"]["Labels"]["aisuite.bed.contains"]


@pytest.mark.docker
def test_every_image_that_the_cpu_profiles_name_is_there(docker_bed: Bed) -> None:
    wanted = Images()
    names = {image.name for image in catalogue(docker_bed)}
    assert {wanted.llama, wanted.gateway, wanted.qdrant, wanted.service} <= names


@pytest.mark.docker
def test_a_command_that_fails_says_its_last_lines(docker_bed: Bed) -> None:
    with pytest.raises(BedError, match="no-such-container"):
        docker_bed.docker("inspect", "no-such-container")


@pytest.mark.docker
@pytest.mark.parametrize(
    ("image", "data", "port"), [(PROMETHEUS, "/prometheus", 9090), (ALERTMANAGER, "/alertmanager", 9093)]
)
def test_the_monitoring_images_answer_as_nobody_on_a_disk_that_is_not_theirs(
    docker_bed: Bed, image: str, data: str, port: int
) -> None:
    confined = ("--read-only", f"--tmpfs={data}:uid=65534", "--cap-drop=ALL", "--security-opt=no-new-privileges")
    container = docker_bed.docker("run", "--detach", *confined, image).strip()
    try:
        ask = f"until wget -qO- http://127.0.0.1:{port}/-/ready; do :; done"
        docker_bed.docker("exec", container, "busybox", "timeout", "30", "sh", "-c", ask)
        assert docker_bed.docker("container", "inspect", "-f", "{{.State.Running}} {{.Config.User}}", container) == (
            "true nobody\n"
        )
    finally:
        docker_bed.docker("rm", "--force", container)


@pytest.mark.docker
def test_a_network_of_its_own_has_its_own_ports_and_a_way_out_and_goes_without_a_trace(
    docker_bed: Bed, tmp_path: Path
) -> None:
    bed = Bed(tmp_path)
    name = network.create(bed).name
    outside = f"10.202.{bed.network_file.read_text()}.1"
    try:
        with socket.create_server(("0.0.0.0", 0)) as server, network.entered(network.find(bed)):
            port = server.getsockname()[1]
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port))
            socket.create_connection((outside, port)).close()
            assert network.find(bed) is None  # who is in it enters nothing
            assert not network.another_engine_here()
        assert f"-i {name} " in run(["iptables-save"])
    finally:
        network.remove(bed)
    assert name not in run(["iptables-save"])
    assert name not in {device for _, device in socket.if_nameindex()}
    assert name not in run(["ip", "netns", "list"])


def test_a_folder_too_long_for_a_socket_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AISUITE_BED", str(tmp_path / ("long" * 30)))
    with pytest.raises(BedError, match="too long"):
        Bed.from_environment()


def test_an_engine_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AISUITE_BED_ENGINE", "newest")
    with pytest.raises(BedError, match="current or oldest"):
        Bed.from_environment()


def test_each_engine_has_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AISUITE_BED", str(tmp_path))
    roots = set()
    for engine in ("current", "oldest"):
        monkeypatch.setenv("AISUITE_BED_ENGINE", engine)
        roots.add(Bed.from_environment().root)
    assert len(roots) == 2
