"""`aisuite images lock` and `verify`: the bytes behind each tag, written down, and compared with what is here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.errors import DownloadFailed, DriftError, UsageError
from aisuite.stack.image_lock import LOCK_FILE, Locked, format_lock, parse_lock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aisuite.ops.images import NeededImage
    from aisuite.ports import Folder, Images, LocalImage


@dataclass(frozen=True, slots=True)
class LockRow:
    """One needed image against the lock.

    `state`: "same", "differs", "missing" (not on this machine), "unlocked" (no entry), or "local": it was made or
    loaded here, so that no registry has a digest to lock.
    """

    reference: str
    state: str
    locked: str | None
    found: str | None


@dataclass(frozen=True, slots=True)
class LockReport:
    """The lock file, and every image of the stack against it."""

    file: str
    images: tuple[LockRow, ...]
    changed: bool
    exit_code: int


def read_lock(folder: Folder) -> dict[str, Locked]:
    """Return {reference: what is locked}; empty when there is no lock beside the profile. Raises UsageError."""
    text = folder.read(LOCK_FILE)
    if text is None:
        return {}
    try:
        return parse_lock(text)
    except (ValueError, RecursionError) as err:
        file = folder.path / LOCK_FILE
        raise UsageError(f"{file} is no lock of images: {err}", f"rm {file} && aisuite images lock") from err


def lock_images(needed: Sequence[NeededImage], images: Images, folder: Folder) -> LockReport:
    """Write down the digests of the images that are here: what was tried is what is locked.

    Entries of other profiles stay. Raises DownloadFailed when an image is not here, UsageError for a broken lock.
    """
    before = read_lock(folder)
    found = {one.reference: images.find(one.reference) for one in needed}
    if missing := [one.reference for one in needed if found[one.reference] is None and not one.built]:
        raise DownloadFailed("not on this machine: " + ", ".join(missing), "aisuite images pull")
    lock = before | {
        one.reference: Locked(image.digest, image.id)
        for one in needed
        if (image := found[one.reference]) and image.digest and not one.built and "@" not in one.reference
    }
    if lock != before or folder.read(LOCK_FILE) is None:
        folder.write(LOCK_FILE, format_lock(lock))
    return _report(folder, _compare(needed, images, lock), changed=lock != before, strict=False)


def verify_images(needed: Sequence[NeededImage], images: Images, folder: Folder) -> LockReport:
    """Compare the images that are here with the lock. Raises UsageError when there is no lock, or a broken one."""
    if folder.read(LOCK_FILE) is None:
        raise UsageError(f"there is no {folder.path / LOCK_FILE}", "aisuite images lock")
    return _report(folder, _compare(needed, images, read_lock(folder)), changed=False, strict=True)


def find_exact(images: Images, reference: str, lock: Mapping[str, Locked]) -> LocalImage | None:
    """Return an image that is here; one that is locked only when it is the one of the lock."""
    found, locked = images.find(reference), lock.get(reference)
    return found if found is None or locked is None or _is_same(found, locked.digest, locked) else None


def _is_same(found: LocalImage, digest: str, locked: Locked | None) -> bool:
    # What came in a file has no digest: its id says that it is the same.
    return found.digest == digest or (locked is not None and found.id == locked.id)


def _report(folder: Folder, rows: tuple[LockRow, ...], *, changed: bool, strict: bool) -> LockReport:
    drift = strict and any(row.state in {"differs", "missing", "unlocked"} for row in rows)
    return LockReport(str(folder.path / LOCK_FILE), rows, changed, DriftError.exit_code if drift else 0)


def _compare(needed: Sequence[NeededImage], images: Images, lock: Mapping[str, Locked]) -> tuple[LockRow, ...]:
    return tuple(_compare_one(one, images, lock) for one in needed)


def _compare_one(one: NeededImage, images: Images, lock: Mapping[str, Locked]) -> LockRow:
    found, locked = images.find(one.reference), lock.get(one.reference)
    own = one.reference.partition("@")[2]  # a digest in the profile itself is a lock
    digest = own or (locked.digest if locked else None)
    if found is None:
        state = "missing"
    elif digest is not None:
        state = "same" if _is_same(found, digest, locked) else "differs"
    else:
        state = "local" if one.built or found.digest is None else "unlocked"
    return LockRow(one.reference, state, digest, found.digest if found else None)
