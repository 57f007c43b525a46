"""`aisuite images save` and `load`: a folder that carries all images to a machine without a network."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from aisuite.errors import DownloadFailed
from aisuite.stack.image_lock import parse_reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.ops.images import NeededImage, ProgressFor
    from aisuite.ports import Folder, Images

MANIFEST = "manifest.json"
_SCHEMA = "aisuite.images-bundle/1"
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\.tar")


@dataclass(frozen=True, slots=True)
class Packed:
    """One image of a bundle: a file beside the manifest."""

    reference: str
    file: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class BundleReport:
    """What a bundle holds; `loaded` are the images that were given to the engine now."""

    folder: str
    images: tuple[Packed, ...]
    loaded: tuple[str, ...] = ()
    exit_code: int = 0


def save_images(
    needed: Sequence[NeededImage], images: Images, folder: Folder, *, progress_for: ProgressFor
) -> BundleReport:
    """Write each image into the folder, and the manifest last: without one, a folder is no bundle.

    Raises DownloadFailed when an image is not here, before anything is written; DiskFull, StateUnwritable.
    """
    # A saved image is known by its tag alone: its digest belongs to the registry that it came from.
    references = [parse_reference(one.reference).tagged for one in needed]
    if missing := [one for one in references if images.find(one) is None]:
        raise DownloadFailed(
            "not on this machine: " + ", ".join(missing), "aisuite images pull && aisuite images build"
        )
    packed = []
    for reference in references:
        target = folder.path / (_NOT_PLAIN.sub("-", reference) + ".tar")
        digest = images.save(reference, target, progress_for(reference))
        packed.append(Packed(reference, target.name, digest, target.stat().st_size))
    manifest = {"schema": _SCHEMA, "images": [asdict(one) for one in packed]}
    folder.write(MANIFEST, json.dumps(manifest, indent=2) + "\n")
    return BundleReport(str(folder.path), tuple(packed))


def load_images(images: Images, folder: Folder, *, progress_for: ProgressFor) -> BundleReport:
    """Give a bundle's images to the engine, after all its files have the sha256 of the manifest.

    Raises DownloadFailed for a file that is not there or is another, DiskFull.
    """
    packed = _read_manifest(folder)
    for one in packed:
        found = images.digest(folder.path / one.file, progress_for(one.file))
        if found != one.sha256:
            raise DownloadFailed(
                f"{folder.path / one.file} is not what was saved: sha256 {found}, expected {one.sha256}",
                "copy the bundle again; nothing was loaded",
            )
    for one in packed:
        images.load(folder.path / one.file, progress_for(one.reference))
        if images.find(one.reference) is None:
            raise DownloadFailed(f"{folder.path / one.file} does not hold {one.reference}", "make the bundle again")
    return BundleReport(str(folder.path), packed, tuple(one.reference for one in packed))


def _read_manifest(folder: Folder) -> tuple[Packed, ...]:
    place, hint = folder.path / MANIFEST, f"aisuite images save {folder.path}   # where the images are"
    text = folder.read(MANIFEST)
    if text is None:
        raise DownloadFailed(f"there is no {place}: not a bundle, or one that was not finished", hint)
    try:
        document = json.loads(text)
        if document.get("schema") != _SCHEMA:
            raise DownloadFailed(f"{place} is no manifest of ours: its schema is not {_SCHEMA}", hint)
        packed = tuple(Packed(**one) for one in document["images"])
        sound = all(isinstance(one.file, str) and _FILE.fullmatch(one.file) for one in packed)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise DownloadFailed(f"{place} cannot be read: {err!r}", hint) from err
    if not sound:
        raise DownloadFailed(f"{place} names a file that does not lie beside it", hint)
    return packed
