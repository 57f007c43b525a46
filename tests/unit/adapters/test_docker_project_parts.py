"""The networks of a project are taken as they are, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aisuite.adapters.docker_engine.container_config import Place
from aisuite.adapters.docker_engine.labels import network_labels
from aisuite.adapters.docker_engine.project_parts import ensure_networks
from aisuite.errors import StepFailed
from aisuite.stack.compose import ComposeFile, Network

PLACE = Place("suite", Path("/srv/suite"), (1, 41))
QUIET = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
COMPOSE = ComposeFile(name="suite", services={}, networks={"edge": Network(driver_opts=QUIET)}, secrets={})


class Engine:
    """An engine with the project's network, as it remembers it."""

    def __init__(self, name: str, **remembered: Any) -> None:
        self._name = name
        self._network = {"Name": "suite_edge", "Internal": False, "Labels": network_labels(PLACE, "edge"), **remembered}

    def networks(self, names: list[str]) -> list[dict[str, Any]]:
        return [self._network] if self._network["Name"] in names else []

    def version(self, *, api_version: bool) -> dict[str, Any]:
        assert not api_version
        return {"Components": [{"Name": self._name}]}


def test_a_network_as_it_was_made_is_used() -> None:
    ensure_networks(Engine("Engine", Options=QUIET), COMPOSE, PLACE)


@pytest.mark.parametrize("other", [{"Options": {}}, {"Options": None}, {"Options": QUIET, "Internal": True}])
def test_a_network_with_other_settings_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(StepFailed, match="suite_edge has other settings"):
        ensure_networks(Engine("Engine", **other), COMPOSE, PLACE)


def test_podman_may_forget_the_options_of_a_network_but_not_that_it_is_internal() -> None:
    ensure_networks(Engine("Podman Engine", Options={}), COMPOSE, PLACE)
    with pytest.raises(StepFailed, match="suite_edge has other settings"):
        ensure_networks(Engine("Podman Engine", Options={}, Internal=True), COMPOSE, PLACE)
