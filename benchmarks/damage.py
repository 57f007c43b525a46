"""Damage bundles in every way we know, and count how many are refused: `python benchmarks/damage.py [--count 1000]`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.errors import BundleDamaged

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests are no package that is installed

from tests.fakes.bundles import put_bundle
from tests.fakes.damage import damage_bundle

BUNDLE = "20261121T141500Z"


def main() -> int:
    """Print a table; the exit code says whether all were refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first; the same seed does the same damage")
    asked = parser.parse_args()
    made: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        whole = BundleShelf(Path(folder, "whole"))
        put_bundle(whole, BUNDLE)
        for seed in range(asked.seed, asked.seed + asked.count):
            shelf = BundleShelf(Path(shutil.copytree(whole.path, Path(folder, "damaged"))))
            way = damage_bundle(shelf, BUNDLE, seed)
            made[way] += 1
            refused[way] += _is_refused(shelf)
            shutil.rmtree(shelf.path)
    for way, count in sorted(made.items()):
        print(f"{way:34} {refused[way]:5} of {count:5} refused")
    seconds = time.perf_counter() - begin
    print(f"{'all':34} {refused.total():5} of {made.total():5} refused in {seconds:.1f} s")
    return 0 if refused == made else 1


def _is_refused(shelf: BundleShelf) -> bool:
    try:
        shelf.check(BUNDLE)
    except BundleDamaged:
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
