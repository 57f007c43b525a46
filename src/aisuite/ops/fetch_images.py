"""The images that `up` needs: fetched, or made, before anything is started."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Semaphore
from typing import TYPE_CHECKING

from aisuite.errors import DownloadFailed
from aisuite.ops.carry_out import PlanRun, failures_of
from aisuite.ops.image_lock import find_exact
from aisuite.ops.images import AT_ONCE, needed_images
from aisuite.plan.model import Plan, Step, Verb
from aisuite.ports import Recipe
from aisuite.stack.image_lock import LOCK_FILE, has_fastembed, pin
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aisuite.ops.carry_out import Event, StepResult
    from aisuite.ops.images import NeededImage, Policy
    from aisuite.plan.observed import Observed, ObservedService
    from aisuite.ports import Deps, Images, Preparer, Progress
    from aisuite.stack.image_lock import Locked
    from aisuite.stack.model import Stack

_MIB = 2**20
_ABSENT = "it is not on this machine"


@dataclass(frozen=True, slots=True)
class Pull:
    """Which images `up` fetches; a locked one by its digest. `flags` choose the profile again, for hints."""

    policy: Policy = "missing"
    lock: Mapping[str, Locked] = field(default_factory=dict)
    flags: str = ""


def plan_images(stack: Stack, pull: Pull, images: Images | None) -> Plan:
    """Return one step for each image that is to be fetched or made; none on an engine without images.

    Raises DownloadFailed for what is not here when nothing is to be fetched, and EngineUnavailable.
    """
    if images is None:
        return Plan()
    needed = needed_images(stack)
    with ThreadPoolExecutor(max(1, len(needed))) as pool:
        faults = list(pool.map(lambda one: _fault(one.reference, images, pull.lock), needed))
    wanting = {one: fault for one, fault in zip(needed, faults, strict=True) if fault is not None}
    if pull.policy == "never":
        _refuse(wanting, pull.flags)
    return Plan(tuple(step for one in needed if (step := _step(one, wanting.get(one), pull.policy))))


def _fault(reference: str, images: Images, lock: Mapping[str, Locked]) -> str | None:
    """Return why what is here does not serve; None: it does."""
    if find_exact(images, reference, lock) is not None:
        return None
    return _ABSENT if images.find(reference) is None else f"another one is here than {LOCK_FILE} names"


def _step(one: NeededImage, fault: str | None, policy: Policy) -> Step | None:
    cause = "to be fetched always" if fault is None and policy == "always" and not one.built else fault
    return Step(Verb.PREPARE, one.reference, cause) if cause is not None else None


def _refuse(wanting: Mapping[NeededImage, str], flags: str) -> None:
    if not wanting:
        return
    lines = [f"- {one.reference}, for {', '.join(one.services)}: {fault}" for one, fault in wanting.items()]
    with_network = {True: "build", False: "pull"}
    kinds = sorted({with_network[one.built] for one in wanting}, reverse=True)
    commands = " && ".join(f"aisuite images {kind} {flags}".strip() for kind in kinds)
    raise DownloadFailed(
        "\n".join(["images are wanting, and nothing is to be fetched:", *lines]),
        f"aisuite images load FOLDER   # or, with a network: {commands}",
    )


def get_images(
    stack: Stack, plan: Plan, pull: Pull, deps: Deps, listen: Callable[[Event], None]
) -> tuple[StepResult, ...]:
    """Carry out a plan of images, some at a time. What has come is kept by the engine, whatever fails then.

    Raises what the first failed step failed with: DownloadFailed, DiskFull, UsageError, StepFailed.
    """
    if deps.images is None or not plan:
        return ()
    gate, wanted = Semaphore(AT_ONCE), {step.subject for step in plan.steps}
    getters: dict[str, Preparer] = {}
    for one in needed_images(stack):
        if one.reference in wanted:
            get = (
                _making(deps.images, one.reference, _recipe(stack, one.reference))
                if one.built
                else _fetching(deps.images, pin(one.reference, pull.lock), gate)
            )
            getters[one.reference] = _Getting(one.reference, get)
    results = PlanRun(stack, {}, plan, replace(deps, preparers=getters), listen).run()
    if failed := failures_of(results):
        raise failed[0]
    return results


def _recipe(stack: Stack, reference: str) -> Recipe:
    stores = any(one.image == reference for one in stack.services if one.role is Role.VECTORDB)
    return Recipe(stack.service_base, vectordb=stores, fastembed=has_fastembed(reference))


def with_old_images_seen(observed: Observed, stack: Stack, images: Images | None) -> Observed:
    """Return what is there, with a difference where a container's image is not what its name stands for any more."""
    if images is None:
        return observed
    now = {one.reference: images.find(one.reference) for one in needed_images(stack)}
    uses = {service.name: service.image for service in stack.services if service.image is not None}

    def look_at(found: ObservedService) -> ObservedService:
        image = now.get(uses.get(found.name, ""))
        if image is None or found.image in {None, image.id}:
            return found
        return replace(found, fingerprint={**found.fingerprint, "image": f"another one: {found.image}"})

    return replace(observed, services=tuple(look_at(one) for one in observed.services))


class _Getting:
    """An image that is on its way, as a `Preparer`."""

    def __init__(self, reference: str, get: Callable[[Progress], None]) -> None:
        self._reference, self._get = reference, get

    @property
    def what(self) -> str:
        """In words, for the plan."""
        return self._reference

    def done(self) -> bool:
        """Whether it is there; what is planned is not."""
        return False

    def run(self, progress: Progress) -> None:
        """Get it."""
        self._get(progress)


def _fetching(images: Images, reference: str, gate: Semaphore) -> Callable[[Progress], None]:
    def fetch(progress: Progress) -> None:
        with gate:
            images.pull(reference, _in_mib(progress))

    return fetch


def _making(images: Images, reference: str, recipe: Recipe) -> Callable[[Progress], None]:
    def make(progress: Progress) -> None:
        if images.find(recipe.base) is None:
            _fetch_base(images, reference, recipe.base, progress)
        images.build(reference, recipe, progress)

    return make


def _fetch_base(images: Images, reference: str, base: str, progress: Progress) -> None:
    try:
        images.pull(base, _in_mib(progress))
    except DownloadFailed as err:
        raise DownloadFailed(
            f"{reference} is made on this machine, from an image that is not here: {err.message}",
            "take one that is here: aisuite images build --base IMAGE; for good: images.service_base in the profile",
        ) from err


def _in_mib(progress: Progress) -> Progress:
    """Return a listener that is told bytes and tells MiB."""
    return lambda stage, done, total: progress(f"{stage}, MiB", done // _MIB, total // _MIB)
