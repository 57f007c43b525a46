"""Cards that are here, and that NVIDIA's driver knows nothing of."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from aisuite.adapters import nvml


@pytest.mark.parametrize(
    ("vendor", "says"),
    [
        ("0x1002", "AMD cards are not measurable here"),
        ("0x10de", "no driver of NVIDIA is loaded here"),
        ("0x8086", "no driver of NVIDIA is loaded here"),
    ],
)
def test_a_card_of_another_maker_is_named(
    vendor: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "card0" / "device"
    device.mkdir(parents=True)
    (device / "vendor").write_text(f"{vendor}\n")
    monkeypatch.setattr(nvml, "_PCI_DEVICES", tmp_path)
    assert nvml.NvmlGpu().why_none().startswith(says)


def test_apples_cards_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert nvml.NvmlGpu().why_none().startswith("Apple's cards are not measurable here")


@pytest.mark.parametrize(
    ("cores", "capability", "multiprocessors"),
    [
        (2560, (8, 9), 20),
        (10496, (8, 6), 82),
        (6912, (8, 0), 108),
        (16896, (9, 0), 132),
        (24064, (12, 0), 188),
        (2560, (99, 0), None),
        (None, (8, 9), None),
    ],
)
def test_multiprocessors_follow_from_cores_and_generation(
    cores: int | None, capability: tuple[int, int], multiprocessors: int | None
) -> None:
    assert nvml._multiprocessors(cores, capability) == multiprocessors
