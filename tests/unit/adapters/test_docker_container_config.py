"""What we ask the engine for is what the Compose file says, field by field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aisuite.adapters.docker_engine.container_config import Place, container_config, later_networks
from aisuite.stack.compose import ComposeFile, parse_compose

GOLDEN = Path(__file__).parents[2] / "golden"
FOLDER = Path("/srv/aisuite/.aisuite/default")
DOCKER_28 = Place("default", FOLDER, (1, 51))
DOCKER_20 = Place("default", FOLDER, (1, 41))
SECOND = 10**9


def compose(profile: str = "phase2") -> ComposeFile:
    return parse_compose((GOLDEN / profile / "docker" / "compose.yaml").read_text())


def body(name: str, file: ComposeFile | None = None, place: Place = DOCKER_28) -> dict[str, Any]:
    return container_config(name, file or compose(), place, {"a": "label"})


def changed(**fields: Any) -> ComposeFile:
    """Return phase 2 with other settings of its embedding service."""
    file = compose()
    service = file.services["embedding"].model_copy(update=fields)
    return file.model_copy(update={"services": {**file.services, "embedding": service}})


def test_a_service_becomes_the_container_that_its_compose_entry_describes() -> None:
    assert body("qdrant") == {
        "Image": "qdrant/qdrant:v1.17.0",
        "Entrypoint": [
            "/bin/sh",
            "-ec",
            'QDRANT__SERVICE__API_KEY="$(cat /run/secrets/service_key)"; export QDRANT__SERVICE__API_KEY; exec "$@"',
            "sh",
        ],
        "Cmd": ["./entrypoint.sh"],
        "Env": [
            "QDRANT_INIT_FILE_PATH=/tmp/.qdrant-initialized",
            "QDRANT__SERVICE__HTTP_PORT=6333",
            "QDRANT__TELEMETRY_DISABLED=true",
        ],
        "Labels": {"a": "label"},
        "ExposedPorts": {"6333/tcp": {}},
        "Healthcheck": {
            "Test": [
                "CMD",
                "grep",
                "-qsE",
                "^ *[0-9]+: [0-9A-F]+:18BD [0-9A-F:]+ 0A ",
                "/proc/net/tcp",
                "/proc/net/tcp6",
            ],
            "Interval": 5 * SECOND,
            "Timeout": 10 * SECOND,
            "Retries": 3,
            "StartPeriod": 60 * SECOND,
            "StartInterval": SECOND,
        },
        "HostConfig": {
            "NetworkMode": "default_core",
            "PortBindings": {"6333/tcp": [{"HostIp": "127.0.0.1", "HostPort": "6333"}]},
            "Mounts": [
                _volume("default_qdrant-storage", "/qdrant/storage"),
                _volume("default_qdrant-snapshots", "/qdrant/snapshots"),
                _bind(f"{FOLDER}/secrets/service_key", "/run/secrets/service_key"),
            ],
            "Tmpfs": {"/tmp": ""},
            "Init": True,
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "CapAdd": ["DAC_OVERRIDE"],
            "SecurityOpt": ["no-new-privileges:true"],
            "PidsLimit": 512,
            "RestartPolicy": {"Name": "unless-stopped"},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
            "NanoCpus": 2 * SECOND,
            "Memory": 2048 * 2**20,
        },
        "NetworkingConfig": {
            "EndpointsConfig": {
                "default_core": {"Aliases": ["default-qdrant-1", "qdrant"]},
                "default_edge": {"Aliases": ["default-qdrant-1", "qdrant"]},
            }
        },
    }


def test_limits_and_cards_are_asked_for_in_the_engines_units() -> None:
    host = body("inference-chat")["HostConfig"]
    assert (host["NanoCpus"], host["Memory"]) == (4 * SECOND, 6144 * 2**20)
    assert host["DeviceRequests"] == [{"Driver": "nvidia", "DeviceIDs": ["0"], "Capabilities": [["gpu"]]}]


def test_a_card_is_asked_for_by_its_cdi_name() -> None:
    deploy = compose().services["inference-chat"].deploy
    assert deploy is not None
    assert deploy.resources.reservations is not None
    (card,) = deploy.resources.reservations.devices
    named = card.model_copy(update={"driver": "cdi", "device_ids": ("nvidia.com/gpu=0",)})
    resources = deploy.resources.model_copy(
        update={"reservations": deploy.resources.reservations.model_copy(update={"devices": (named,)})}
    )
    found = body("embedding", changed(deploy=deploy.model_copy(update={"resources": resources})))["HostConfig"]
    assert found["DeviceRequests"] == [
        {"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=0"], "Capabilities": [["gpu"]]},
    ]


def test_a_service_without_limits_asks_for_none() -> None:
    assert not {"NanoCpus", "Memory", "DeviceRequests"} & body("embedding", changed(deploy=None))["HostConfig"].keys()


def test_the_images_own_user_and_entry_point_stay_where_the_file_names_none() -> None:
    assert "User" not in body("qdrant")
    assert "Entrypoint" not in body("embedding")
    assert body("embedding")["User"] == "1000:1000"


@pytest.mark.parametrize("path", ["./litellm.yaml", "litellm.yaml"])
def test_relative_sources_lie_in_the_project_folder_and_absolute_ones_stay(path: str) -> None:
    file = compose()
    volume = next(one for one in file.services["api-gateway"].volumes if one.target == "/app/litellm.yaml")
    here = changed(volumes=(volume.model_copy(update={"source": path}),))
    assert _bind(f"{FOLDER}/litellm.yaml", "/app/litellm.yaml") in body("embedding", here)["HostConfig"]["Mounts"]
    assert _bind("/srv/aisuite/models", "/models") in body("inference-chat")["HostConfig"]["Mounts"]


def test_every_secret_is_a_file_that_the_container_cannot_write() -> None:
    binds = [mount for mount in body("rag")["HostConfig"]["Mounts"] if mount["Target"].startswith("/run/secrets/")]
    assert [(mount["Target"], mount["ReadOnly"]) for mount in binds] == [
        ("/run/secrets/service_key", True),
        ("/run/secrets/gateway_key", True),
    ]


def test_an_ipv6_address_is_published_without_its_brackets() -> None:
    found = body("embedding", changed(ports=("[::1]:8003:8003",)))
    assert found["HostConfig"]["PortBindings"] == {"8003/tcp": [{"HostIp": "::1", "HostPort": "8003"}]}


def test_one_port_may_be_published_twice() -> None:
    found = body("embedding", changed(ports=("127.0.0.1:8003:8003", "127.0.0.1:9003:8003")))
    assert [one["HostPort"] for one in found["HostConfig"]["PortBindings"]["8003/tcp"]] == ["8003", "9003"]


def test_fractions_of_a_second_and_of_a_core_are_exact() -> None:
    service = compose().services["inference-chat"]
    assert service.deploy is not None
    limits = service.deploy.resources.limits
    assert limits is not None
    resources = service.deploy.resources.model_copy(update={"limits": limits.model_copy(update={"cpus": "0.29"})})
    check = service.healthcheck.model_copy(update={"interval": "0.1s"})
    deploy = service.deploy.model_copy(update={"resources": resources})
    found = body("embedding", changed(deploy=deploy, healthcheck=check))
    assert (found["HostConfig"]["NanoCpus"], found["Healthcheck"]["Interval"]) == (290_000_000, 100_000_000)


def test_an_engine_before_25_gets_no_start_interval_and_one_network_at_a_time() -> None:
    found = body("rag", place=DOCKER_20)
    assert "StartInterval" not in found["Healthcheck"]
    assert list(found["NetworkingConfig"]["EndpointsConfig"]) == ["default_core"]
    later = later_networks("rag", compose().services["rag"], DOCKER_20)
    assert later == {"default_edge": ["default-rag-1", "rag"]}
    assert later_networks("rag", compose().services["rag"], DOCKER_28) == {}


@pytest.mark.parametrize("profile", ["demo", "phase1", "phase2", "phase2-cpu", "phase3"])
def test_no_container_of_any_profile_gets_more_than_the_file_gives(profile: str) -> None:
    file = compose(profile)
    for name in file.services:
        host = body(name, file)["HostConfig"]
        assert not {"Privileged", "PidMode", "IpcMode", "UsernsMode", "Devices", "Binds"} & host.keys()
        assert not any("docker.sock" in mount["Source"] for mount in host["Mounts"])
        assert all(bind["HostIp"] == "127.0.0.1" for binds in host["PortBindings"].values() for bind in binds)


def _volume(source: str, target: str) -> dict[str, Any]:
    return {"Type": "volume", "Source": source, "Target": target, "ReadOnly": False}


def _bind(source: str, target: str) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": True}
