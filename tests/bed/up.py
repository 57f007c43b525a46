"""Bring the bed up and down."""

from __future__ import annotations

import fcntl
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.bed import engine
from tests.bed.debian import refuse_other_systems
from tests.bed.images import catalogue, outdated, remove_replaced
from tests.bed.place import BedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.bed.images import Image
    from tests.bed.place import Bed

    Say = Callable[[str], None]

_NEEDED = 5 * 10**9  # bytes free: 2.2 GB stay, the rest is wanted while images are made


def bring_up(bed: Bed, say: Say) -> None:
    """Have the engine run and every image in it; what is there already is kept. Raises BedError."""
    refuse_other_systems()
    bed.root.mkdir(parents=True, exist_ok=True)
    with _alone(bed, say):
        if engine.version(bed) is None:
            _require_room(bed)
            engine.install(bed)
            engine.start(bed)
        say(f"Docker Engine {engine.version(bed)} runs")
        missing = outdated(bed, catalogue(bed))
        if missing:
            _make(bed, missing, say)
        say("all images are there")


def bring_down(bed: Bed, say: Say) -> None:
    """Stop the engine and everything in it; images stay for the next time."""
    if not bed.root.is_dir():
        say("there is no bed")
        return
    with _alone(bed, say):
        engine.stop(bed)
        say("nothing runs")


def _make(bed: Bed, images: list[Image], say: Say) -> None:
    """Prepare in parallel what the images are made of, and build each as soon as it can be."""
    work = bed.root / "work"
    shutil.rmtree(work, ignore_errors=True)
    with ThreadPoolExecutor(max_workers=2) as pool:
        folders = [work / str(number) for number in range(len(images))]
        prepared = [pool.submit(_prepare, image, folder) for image, folder in zip(images, folders, strict=True)]
        try:
            for image, folder, ready in zip(images, folders, prepared, strict=True):
                ready.result()
                image.build(bed, image, folder)
                shutil.rmtree(folder)
                say(f"image {image.name}: {image.contains}")
            remove_replaced(bed)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            shutil.rmtree(work, ignore_errors=True)


def _prepare(image: Image, folder: Path) -> None:
    folder.mkdir(parents=True)
    image.prepare(folder)


def _require_room(bed: Bed) -> None:
    if bed.programs.is_dir():
        return  # most of it is spent
    free = shutil.disk_usage(bed.root).free
    if free < _NEEDED:
        raise BedError(
            f"the bed needs {_NEEDED // 10**9} GB below {bed.root}, {free // 10**9} GB are free",
            "export AISUITE_BED=<a folder on a larger disk>",
        )


@contextmanager
def _alone(bed: Bed, say: Say) -> Iterator[None]:
    """Wait for another `up` or `down` of the same bed."""
    with (bed.root / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another command on this bed")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
