"""Damaged and forged bundles: every single one is refused before anything is written."""

from __future__ import annotations

import shutil
import tracemalloc
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.bundle.model import Level, Verified
from aisuite.errors import BundleDamaged
from tests.fakes.bundles import put_bundle
from tests.fakes.damage import WAYS, Way, damage_bundle, flip_a_bit_of_the_manifest, forge_a_bomb

BUNDLE = "20261121T141500Z"


@pytest.fixture
def whole(tmp_path: Path) -> BundleShelf:
    shelf = BundleShelf(tmp_path / "whole")
    put_bundle(shelf, BUNDLE)
    shelf.check(BUNDLE)
    return shelf


def copied(whole: BundleShelf, name: str) -> BundleShelf:
    return BundleShelf(Path(shutil.copytree(whole.path, whole.path.parent / name)))


@pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
def test_whatever_was_done_to_a_bundle_it_is_refused(whole: BundleShelf, way: Way) -> None:
    for seed in range(6):
        shelf = copied(whole, f"{seed}")
        way(shelf.path / BUNDLE, Random(seed))
        with pytest.raises(BundleDamaged, match=BUNDLE) as refused:
            shelf.check(BUNDLE)
        assert refused.value.exit_code == 7
        assert refused.value.hint
        assert len(refused.value.message) < 400


@pytest.mark.soak
def test_a_thousand_of_a_thousand_damaged_bundles_are_refused(whole: BundleShelf) -> None:
    accepted: Counter[str] = Counter()
    for seed in range(1000):
        shelf = copied(whole, "damaged")
        way = damage_bundle(shelf, BUNDLE, seed)
        try:
            shelf.check(BUNDLE)
            accepted[way] += 1
        except BundleDamaged:
            shutil.rmtree(shelf.path)
    assert not accepted


def test_every_byte_of_the_manifest_counts(whole: BundleShelf) -> None:
    manifest = whole.path / BUNDLE / "manifest.json"
    text = manifest.read_bytes()
    for place in range(0, len(text), 7):
        manifest.write_bytes(text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :])
        with pytest.raises(BundleDamaged):
            whole.manifest(BUNDLE)


def test_a_bomb_is_refused_in_little_memory(whole: BundleShelf) -> None:
    for seed in range(4):
        shelf = copied(whole, f"{seed}")
        forge_a_bomb(shelf.path / BUNDLE, Random(seed))
        tracemalloc.start()
        with pytest.raises(BundleDamaged, match="unpack"):
            shelf.check(BUNDLE)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 16 << 20


def test_a_verification_does_not_outlive_a_change_of_the_manifest(whole: BundleShelf) -> None:
    whole.set_verified(BUNDLE, Verified(Level.FULL, "2026-11-21T14:20:00Z"))
    flip_a_bit_of_the_manifest(whole.path / BUNDLE, Random(1))
    assert whole.verified(BUNDLE) is None


def test_a_broken_verification_counts_as_none_and_does_not_damage_the_bundle(whole: BundleShelf) -> None:
    path = whole.path / BUNDLE / "verified.json"
    for text in ('{"level": "drill"}', "", "[" * 100_000):
        path.write_text(text)
        assert whole.verified(BUNDLE) is None
        whole.check(BUNDLE)
