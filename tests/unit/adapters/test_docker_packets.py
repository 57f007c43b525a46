"""Which routes make the packets of a container vanish."""

from __future__ import annotations

from typing import Any

import pytest

from aisuite.adapters.docker_engine.packets import halves


def container(*networks: tuple[str, int]) -> dict[str, Any]:
    found = {f"n{place}": {"IPAddress": ip, "IPPrefixLen": bits} for place, (ip, bits) in enumerate(networks)}
    return {"NetworkSettings": {"Networks": found}}


@pytest.mark.parametrize(
    ("networks", "wanted"),
    [
        ((("10.201.0.2", 24),), ["10.201.0.0/25", "10.201.0.128/25"]),
        ((("172.18.0.9", 16), ("10.0.0.2", 30)), ["172.18.0.0/17", "172.18.128.0/17", "10.0.0.0/31", "10.0.0.2/31"]),
        ((("", 0),), []),  # not connected
        ((), []),
    ],
)
def test_every_network_is_covered_by_more_special_routes(networks: Any, wanted: list[str]) -> None:
    assert halves(container(*networks)) == wanted
