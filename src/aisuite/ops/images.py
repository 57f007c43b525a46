"""`aisuite images`: which images a stack needs, fetching them, and making the one of our own services."""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Literal

from aisuite.errors import DownloadFailed
from aisuite.ops.image_lock import find_exact
from aisuite.stack.image_lock import has_fastembed, parse_reference, pin
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aisuite.ports import Images, LocalImage, Progress, Recipe
    from aisuite.stack.image_lock import Locked
    from aisuite.stack.model import Stack

    ProgressFor = Callable[[str], Progress]

Policy = Literal["always", "missing", "never"]
POLICIES: tuple[Policy, ...] = ("always", "missing", "never")
AT_ONCE = 3  # the engine fetches three layers of an image at a time; more images only share the same line
_OUR_ROLES = frozenset({Role.RAG, Role.EMBEDDING})


@dataclass(frozen=True, slots=True)
class NeededImage:
    """An image that a stack needs; `built` is made on this machine from this installation."""

    reference: str
    services: tuple[str, ...]
    built: bool


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One needed image; `state`: "present" or "missing". `pinned` is the digest that the lock has for it."""

    reference: str
    services: tuple[str, ...]
    built: bool
    state: str
    id: str | None
    bytes: int | None
    digest: str | None
    pinned: str | None


@dataclass(frozen=True, slots=True)
class ImagesReport:
    """All images of a stack; `changed` are those fetched, made or loaded now."""

    images: tuple[ImageRow, ...]
    changed: tuple[str, ...] = ()
    exit_code: int = 0


def needed_images(stack: Stack) -> tuple[NeededImage, ...]:
    """Return each image of the stack's containers once, in start order."""
    users: dict[str, list[str]] = {}
    ours = set()
    for service in stack.services:
        if service.image is not None:
            users.setdefault(service.image, []).append(service.name)
            if service.role in _OUR_ROLES and not parse_reference(service.image).in_registry:
                ours.add(service.image)
    return tuple(NeededImage(image, tuple(names), image in ours) for image, names in users.items())


def list_images(needed: Sequence[NeededImage], images: Images, lock: Mapping[str, Locked]) -> ImagesReport:
    """Return every needed image with what the engine has of it."""
    return ImagesReport(tuple(_row(one, images.find(one.reference), lock) for one in needed))


def pull_images(
    needed: Sequence[NeededImage],
    images: Images,
    lock: Mapping[str, Locked],
    *,
    policy: Policy = "missing",
    progress_for: ProgressFor,
) -> ImagesReport:
    """Fetch images, three at a time; a locked one by its digest. What is made on this machine is not fetched.

    With "never" nothing is fetched, and an image that is not here is an error.
    Raises DownloadFailed, DiskFull; what had been fetched by then is kept by the engine.
    """
    foreign = [one for one in needed if not one.built]
    wanted = foreign if policy == "always" else [one for one in foreign if not find_exact(images, one.reference, lock)]
    if policy == "never":
        _refuse_missing([one.reference for one in wanted])
        wanted = []

    references = tuple(pin(one.reference, lock) for one in wanted)
    _pull_together(references, images, progress_for)
    return ImagesReport(list_images(needed, images, lock).images, references)


def _pull_together(references: Sequence[str], images: Images, progress_for: ProgressFor) -> None:
    """Fetch several images at a time; the first that fails, or Ctrl-C, ends the others where they stand."""
    ended = Event()

    def pull(reference: str) -> None:
        tell = progress_for(reference)

        def progress(stage: str, done: int, total: int) -> None:
            if ended.is_set():
                raise CancelledError
            tell(stage, done, total)

        images.pull(reference, progress)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        pulls = [pool.submit(pull, reference) for reference in references]
        try:
            for finished in wait(pulls, return_when=FIRST_EXCEPTION).done:
                finished.result()
        finally:
            ended.set()
            pool.shutdown(cancel_futures=True)


def build_image(
    needed: Sequence[NeededImage], images: Images, recipe: Recipe, *, force: bool, progress_for: ProgressFor
) -> ImagesReport:
    """Make the images of our own services; the base image is fetched when it is not here.

    Nothing is done when the image is there and made from the same. Raises what `Images.build` and `pull` raise.
    """
    made: list[str] = []
    for one in needed:
        if one.built:
            if images.find(recipe.base) is None:
                images.pull(recipe.base, progress_for(recipe.base))
            own = replace(recipe, fastembed=has_fastembed(one.reference))
            if images.build(one.reference, own, progress_for(one.reference), force=force):
                made.append(one.reference)
    return ImagesReport(list_images(needed, images, {}).images, tuple(made))


def _refuse_missing(missing: Sequence[str]) -> None:
    if missing:
        raise DownloadFailed(
            "not on this machine, and nothing is to be fetched: " + ", ".join(missing),
            "aisuite images load FOLDER   # or, with a network: aisuite images pull",
        )


def _row(needed: NeededImage, found: LocalImage | None, lock: Mapping[str, Locked]) -> ImageRow:
    return ImageRow(
        reference=needed.reference,
        services=needed.services,
        built=needed.built,
        state="missing" if found is None else "present",
        id=found.id if found else None,
        bytes=found.bytes if found else None,
        digest=found.digest if found else None,
        pinned=lock[needed.reference].digest if needed.reference in lock else None,
    )
