"""What an engine says about itself, in our words."""

from __future__ import annotations

from typing import Any

import pytest

from aisuite.adapters import docker_facts
from aisuite.adapters.docker_facts import DockerFacts, describe, oldest_cuda
from aisuite.errors import EngineUnavailable

INFO: dict[str, Any] = {
    "ServerVersion": "28.5.2",
    "DockerRootDir": "/var/lib/docker",
    "MemoryLimit": True,
    "CpuCfsQuota": False,
    "PidsLimit": True,
    "NCPU": 4,
    "MemTotal": 2**33,
    "Runtimes": {"runc": {}, "nvidia": {}},
    "DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}, {"Source": "other", "ID": "x"}],
    "SystemTime": "2026-11-21T12:00:05.123456789Z",
}
NOW = 1_795_262_400.0  # 2026-11-21T12:00:00Z


def test_an_engine_is_described_by_what_it_says() -> None:
    found = describe(INFO, NOW, root_free=5, compose="2.40.3")
    assert (found.version, found.compose, found.root_free) == ("28.5.2", "2.40.3", 5)
    assert (found.lacks, found.cpus, found.memory) == (("cpus",), 4, 2**33)
    assert (found.runtimes, found.cdi_devices) == ({"runc", "nvidia"}, {"nvidia.com/gpu=0"})
    assert found.ahead == pytest.approx(5.123, abs=0.01)


def test_an_engine_that_says_nothing_lacks_nothing() -> None:
    found = describe({}, NOW, root_free=None, compose=None)
    assert (found.version, found.lacks, found.ahead, found.cpus) == ("", (), None, 0)


@pytest.mark.parametrize(
    ("variables", "cuda"),
    [
        (["NVIDIA_REQUIRE_CUDA=cuda>=12.8 brand=tesla,driver>=535", "CUDA_VERSION=12.9.1"], "12.8"),
        (["CUDA_VERSION=12.4.1"], "12.4"),
        (["PATH=/bin", "NVIDIA_REQUIRE_CUDA="], None),
        (None, None),
    ],
)
def test_an_image_names_the_cuda_that_it_needs(variables: list[str] | None, cuda: str | None) -> None:
    assert oldest_cuda({"Env": variables}) == cuda


def test_an_engine_that_does_not_answer_is_a_fault_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise EngineUnavailable("no Docker answers", "sudo systemctl start docker")

    monkeypatch.setattr(docker_facts, "connect", refuse)
    facts = DockerFacts()
    assert (facts.describe().fault, facts.describe().fix) == ("no Docker answers", "sudo systemctl start docker")
    assert facts.oldest_cuda("llama:1") is None
    assert facts.afar("llama:1") == "no Docker answers"
