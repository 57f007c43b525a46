"""A container that somebody loosened is told with each liberty; one as we make it says what its file says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aisuite.adapters.docker_engine.described import describe, find_unsayable
from aisuite.ops.live_findings import LIVE_CHECKS, live_findings
from aisuite.plan.live import LiveProject
from aisuite.stack.hardening import CHECKS

FOLDER = Path("/srv/suite/.aisuite/suite")
CORE = {"Name": "suite_core", "Internal": True, "Options": {}}
IMAGE = {"Config": {"Env": ["PATH=/bin", "GPG_KEY=of the image's makers"], "User": "app"}}


def confined() -> dict[str, Any]:
    """Return a container that breaks no rule, as the engine describes it."""
    return {
        "Config": {
            "Image": "ghcr.io/team/image:1.0",
            "User": "1000:1000",
            "Env": ["PATH=/bin", "GPG_KEY=of the image's makers", "API_KEY_FILE=/run/secrets/key"],
            "Healthcheck": {"Test": ["CMD", "true"]},
        },
        "HostConfig": {
            "NetworkMode": "suite_core",
            "Privileged": False,
            "PidMode": "",
            "IpcMode": "private",
            "UTSMode": "",
            "UsernsMode": "",
            "CgroupParent": "",
            "Devices": None,
            "DeviceRequests": None,
            "Init": True,
            "ReadonlyRootfs": True,
            "PortBindings": {"8001/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8001"}]},
            "Tmpfs": {"/tmp": ""},
            "CapDrop": ["ALL"],
            "CapAdd": None,
            "SecurityOpt": ["no-new-privileges:true"],
            "PidsLimit": 512,
            "NanoCpus": 1_500_000_000,
            "Memory": 512 * 2**20,
            "RestartPolicy": {"Name": "unless-stopped"},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
        },
        "Mounts": [
            {**_bind(f"{FOLDER}/secrets/key", "/run/secrets/key"), "RW": False},
            {**_bind("/srv/models", "/models"), "RW": False},
            {"Type": "volume", "Name": "suite_kept", "Source": "/var/lib/x", "Destination": "/kept", "RW": True},
        ],
        "NetworkSettings": {"Networks": {"suite_core": {}}},
    }


def _bind(source: str, target: str) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "Destination": target, "Propagation": "rprivate", "RW": True}


def found(container: dict[str, Any], *, rootless: bool = False) -> list[tuple[str, str]]:
    described = describe({"chat": (container, IMAGE)}, [CORE], "suite", FOLDER)
    live = LiveProject(described, {"chat": find_unsayable(container)}, rootless=rootless)
    return [(one.check.id, one.evidence) for one in live_findings(live)]


def test_a_container_as_we_make_it_breaks_no_rule() -> None:
    assert found(confined()) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"Privileged": True}, ("CIS-5.5", "privileged: true")),
        ({"PidMode": "host"}, ("CIS-5.16", "pid: host")),
        ({"PidMode": "container:abc"}, ("CIS-5.16", "pid: container:abc")),
        ({"IpcMode": "host"}, ("CIS-5.17", "ipc: host")),
        ({"UTSMode": "host"}, ("CIS-5.21", "uts: host")),
        ({"UsernsMode": "host"}, ("CIS-5.31", "userns_mode: host")),
        ({"CgroupParent": "/mine"}, ("CIS-5.25", "cgroup_parent: /mine")),
        ({"Devices": [{"PathOnHost": "/dev/sda"}]}, ("CIS-5.18", "devices: /dev/sda")),
        ({"CapDrop": None}, ("CIS-5.4", "cap_drop: ALL is missing")),
        ({"CapAdd": ["CAP_SYS_ADMIN"]}, ("CIS-5.4", "cap_add: SYS_ADMIN")),
        ({"ReadonlyRootfs": False}, ("CIS-5.13", "read_only: false")),
        ({"SecurityOpt": None}, ("CIS-5.26", "security_opt: no-new-privileges:true is missing")),
        ({"PidsLimit": None}, ("CIS-5.29", "pids_limit: 0")),
        ({"Memory": 0}, ("CIS-5.11", "deploy.resources.limits: no memory")),
        ({"NanoCpus": 0}, ("CIS-5.12", "deploy.resources.limits: no cpus")),
        (
            {"DeviceRequests": [{"Driver": "nvidia", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]]}]},
            ("CIS-5.18", "devices:  (gpu)"),
        ),
        (
            {"PortBindings": {"8001/tcp": [{"HostIp": "", "HostPort": "8001"}]}},
            ("CIS-5.14", "ports: :8001:8001"),
        ),
    ],
)
def test_what_a_container_is_allowed_is_told(change: dict[str, Any], expected: tuple[str, str]) -> None:
    container = confined()
    container["HostConfig"] |= change
    assert expected in found(container)


def test_a_podman_that_spells_an_option_in_its_own_way_is_understood() -> None:
    container = confined()
    container["HostConfig"] |= {"SecurityOpt": ["no-new-privileges"]}
    assert found(container) == []


def test_the_hosts_network_is_told_twice_for_it_is_none_of_the_project() -> None:
    container = confined()
    container["HostConfig"]["NetworkMode"] = "host"
    container["NetworkSettings"]["Networks"] = {"host": {}}
    assert found(container) == [
        ("CIS-5.30", "networks: host is not the project's"),
        ("CIS-5.10", "network_mode: host"),
    ]


def test_a_key_in_the_environment_is_told_but_not_what_the_image_brings() -> None:
    container = confined()
    container["Config"]["Env"].append("SERVICE_API_KEY=secret")
    assert found(container) == [("AIS-2", "environment: SERVICE_API_KEY")]


def test_a_mount_that_spreads_and_one_that_is_the_hosts_own_are_told() -> None:
    container = confined()
    container["Mounts"].append({**_bind("/etc", "/host"), "Propagation": "rshared"})
    assert found(container) == [
        ("CIS-5.6", "volumes: /etc"),
        ("AIS-3", "volumes: /etc is writable"),
        ("CIS-5.20", "volumes: /etc (rshared)"),
    ]


@pytest.mark.parametrize(("user", "evidence"), [("", "the image's own"), ("app", "the image's own"), ("root", "root")])
def test_the_user_that_an_image_brings_is_told_as_its_own(user: str, evidence: str) -> None:
    container = confined()
    container["Config"]["User"] = user
    assert found(container) == [("AIS-1", f"user: {evidence}")]


def test_root_inside_is_nobody_outside_of_an_engine_without_root() -> None:
    container = confined()
    container["Config"]["User"] = "0:0"
    assert found(container) == [("AIS-1", "user: 0:0")]
    assert found(container, rootless=True) == []


def test_a_check_that_only_containers_can_break_has_an_id_of_its_own_but_for_devices() -> None:
    assert {check.id for check in CHECKS} & LIVE_CHECKS.keys() == {"CIS-5.18"}
