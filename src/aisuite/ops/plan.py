"""`aisuite plan`: what every model server gets of the card, before anything starts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.errors import DoesNotFit, UsageError
from aisuite.ops.checks import check_models
from aisuite.ops.model_files import is_here
from aisuite.vram.demand import demand_alone, demands_of, planned_models
from aisuite.vram.model import Budget, Card
from aisuite.vram.overhead import estimated_overhead
from aisuite.vram.place import neighbours_of, solve_cards
from aisuite.vram.what_if import apply_changes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from aisuite.ports import Calibration, Gpu, GpuDevice, Host
    from aisuite.ports.models import ModelFiles
    from aisuite.profile.model import Gpu as Settings
    from aisuite.profile.model import Profile
    from aisuite.stack.model import ModelFile
    from aisuite.units import Mib
    from aisuite.vram.model import Demand, LlamaBuild, ModelShape, Overhead, VramPlan
    from aisuite.vram.pricing import Pricing
    from aisuite.vram.solve import Neighbour
    from aisuite.vram.sweep import Sweep
    from aisuite.vram.what_if import Change

_MODEL_EXAMPLE = "aisuite plan --model code=hf:owner/repo/file.gguf"
_AS_PLANNED = "as planned when it was started"
_MIB = 2**20
_NOMINAL = 1.01  # a card "of 6 GiB" has 6141 MiB


@dataclass(frozen=True, slots=True)
class PlanDoors:
    """What planning needs of the outside, and the rules by which a build of llama.cpp is priced."""

    files: ModelFiles
    gpu: Gpu
    host: Host
    calibration: Calibration
    price: Callable[[LlamaBuild, Overhead], Pricing]


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A file to plan with: instead of that of one model of the profile, or (None) on its own."""

    model: str | None
    source: str  # a path, or hf:owner/repo/file

    @classmethod
    def parse(cls, text: str) -> ModelSource:
        """Read `[NAME=]FILE`."""
        name, equals, source = text.partition("=")
        return cls(name, source) if equals and "/" not in name and ":" not in name else cls(None, text)

    @property
    def stem(self) -> str:
        """What to call a model that is planned on its own."""
        return self.source.rpartition("/")[2].removesuffix(".gguf")


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What to plan. With `sources` that name no model, they are planned instead of the profile's models."""

    profile: Profile
    name: str
    files: tuple[ModelFile, ...]
    build: LlamaBuild
    loaded_as: str = ""  # how the profile was named on the command line, for hints
    gpu_memory: tuple[Mib, ...] = ()  # of cards that are not here
    sources: tuple[ModelSource, ...] = ()
    changes: tuple[Change, ...] = ()  # --what-if
    occupied: Mapping[int, int] = field(default_factory=dict)  # by card: bytes that our own servers hold now
    answered: frozenset[str] = frozenset()  # models whose numbers in the profile are an earlier plan's
    sweep: bool = False  # other layers and contexts are wanted, too: for a picture
    notes: tuple[str, ...] = ()  # what is to be said about the build


@dataclass(frozen=True, slots=True)
class PlanReport:
    """A plan, what one more layer of each model would mean, and the plan without what `--what-if` changes."""

    plan: VramPlan
    neighbours: tuple[Neighbour, ...]
    before: VramPlan | None = None
    sweeps: tuple[Sweep, ...] = ()

    @property
    def exit_code(self) -> int:
        """0, or 4 when it does not fit."""
        return DoesNotFit.exit_code if self.plan.is_too_much else 0


def plan(request: PlanRequest, doors: PlanDoors) -> PlanReport:
    """Plan a profile's models on its card.

    Raises ModelMissing, ModelBroken, GpuUnavailable, ProfileInvalid, DoesNotFit for a budget larger than the card, and
    UsageError for a profile without a card or a change that cannot be meant.
    """
    demands = _demands(request, doors.files)
    if not demands:
        raise UsageError(f"profile {request.name} runs on the CPU: there is nothing to plan", "aisuite plan --phase 2")
    budgets, notes = _budgets(request, doors)
    _refuse_other_cards(demands, budgets)
    said = (*notes, *request.notes, *_of_backend(request.profile))
    sites = [(budget, _pricing(request.build, budget.card, doors, said, demands)) for budget in budgets]
    demands = tuple(replace(one, fixed_by=_AS_PLANNED) if one.model in request.answered else one for one in demands)
    found = _solved(request, apply_changes(demands, request.changes), sites)
    before = _solved(request, demands, sites) if request.changes else None
    return PlanReport(found, neighbours_of(found, sites), before, _sweeps(found, sites) if request.sweep else ())


def _solved(request: PlanRequest, demands: Sequence[Demand], sites: Sequence[tuple[Budget, Pricing]]) -> VramPlan:
    found = solve_cards(demands, sites, request.profile.gpu.prefer)
    return replace(found, notes=(*found.notes, *_above_limits(found, request.profile)))


def _sweeps(found: VramPlan, sites: Sequence[tuple[Budget, Pricing]]) -> tuple[Sweep, ...]:
    from aisuite.vram.sweep import sweeps

    return tuple(one for own, (_, pricing) in zip(found.by_card, sites, strict=True) for one in sweeps(own, pricing))


def _pricing(
    build: LlamaBuild, card: Card, doors: PlanDoors, notes: Sequence[str], demands: Sequence[Demand]
) -> Pricing:
    """Return the prices on a card, with all that is to be said about them."""
    found = doors.price(build, doors.calibration.find(card.name) or estimated_overhead(card))
    return replace(found, notes=(*notes, *found.notes, *_assumed(demands)))


def _refuse_other_cards(demands: Sequence[Demand], budgets: Sequence[Budget]) -> None:
    cards = [budget.card.index for budget in budgets]
    for demand in demands:
        if demand.card is not None and demand.card not in cards:
            there = ", ".join(str(index) for index in cards)
            raise UsageError(
                f"models.{demand.model}.device is {demand.card}; the cards to plan for are {there}",
                "correct it in the profile, or leave it out: the planner chooses then",
            )


def _of_backend(profile: Profile) -> Iterator[str]:
    backend = profile.gpu.backend
    if backend not in {"cuda", "cpu"}:
        yield f"planned with the rules of CUDA: what {backend} allocates was never measured"


def _assumed(demands: Sequence[Demand]) -> Iterator[str]:
    return (f"{demand.model}: {words}" for demand in demands for words in demand.shape.assumed)


def _above_limits(found: VramPlan, profile: Profile) -> Iterator[str]:
    """Say whose container gets less RAM than its server takes: pages of its file would be read again and again."""
    for share in found.shares:
        limit = profile.models[share.model].memory if share.model in profile.models else None
        if limit is not None and share.memory.host.total > limit.bytes:
            size = share.memory.host.total // _MIB
            yield f"{share.model} takes {size} MiB of RAM, more than models.{share.model}.memory ({limit}) grants"


def _demands(request: PlanRequest, files: ModelFiles) -> tuple[Demand, ...]:
    alone = [one for one in request.sources if one.model is None]
    if alone and len(alone) < len(request.sources):
        raise UsageError("--model: give every file a NAME= of the profile, or none", _MODEL_EXAMPLE)
    if alone:
        return tuple(demand_alone(one.stem, _read(one.source, files)) for one in alone)
    return demands_of(request.profile, _shapes(request, files), request.name)


def _shapes(request: PlanRequest, files: ModelFiles) -> dict[str, ModelShape]:
    given = {one.model: one.source for one in request.sources}
    planned = planned_models(request.profile)
    for name in given:
        if name not in planned:
            raise UsageError(f"--model {name}=...: the models on the card are {', '.join(planned)}", _MODEL_EXAMPLE)
    needed = [file for file in request.files if file.model in planned]
    read = [file for file in needed if file.model not in given]
    if not all(is_here(file.path) for file in read):  # who fetches these wants to know of the others, too
        check_models((file for file in request.files if file.model not in given), request.loaded_as)
    return {file.model: _read(given.get(file.model, str(file.path)), files) for file in needed}


def _read(source: str, files: ModelFiles) -> ModelShape:
    return files.remote_shape(source) if source.startswith("hf:") else files.shape(Path(source))


def _budgets(request: PlanRequest, doors: PlanDoors) -> tuple[list[Budget], tuple[str, ...]]:
    """Return what may be used of which cards, and what is to be said about that."""
    settings = request.profile.gpu
    if request.gpu_memory:
        return [Budget(_imagined(size, at), None, settings.reserve) for at, size in enumerate(request.gpu_memory)], ()
    devices = doors.gpu.devices()
    wanted = _wanted(settings, devices)
    here = [device for device in devices if device.index in wanted]
    if len(here) == len(wanted) and here:
        found = [_budget_here(request, device, doors.host) for device in here]
        return [budget for budget, _ in found], tuple(note for _, notes in found for note in notes)
    if here:
        raise _not_all_here(wanted, devices)
    return _stand_ins(request, wanted, doors.gpu)


def _not_all_here(wanted: Sequence[int], devices: Sequence[GpuDevice]) -> UsageError:
    there = [device.index for device in devices]
    missing = ", ".join(str(index) for index in wanted if index not in there)
    known = ", ".join(str(index) for index in there)
    return UsageError(f"gpu.devices: no card {missing} is here; the cards here are {known}", "gpu.devices: auto")


def _stand_ins(request: PlanRequest, wanted: Sequence[int], gpu: Gpu) -> tuple[list[Budget], tuple[str, ...]]:
    """Let gpu.budget stand for each card where none is here."""
    settings, cards = request.profile.gpu, wanted or (0,)
    named = " and no card ".join(str(index) for index in cards)
    if settings.budget is None:
        raise UsageError(
            f"no card {named} is here ({gpu.why_none()}), and profile {request.name} has no gpu.budget",
            "aisuite plan --gpu-memory 8GiB   # what up shall count on: gpu.budget in the profile",
        )
    why = f" ({gpu.why_none()})" if gpu.elsewhere() else ""
    note = f"no card {named} is here{why}: gpu.budget ({settings.budget}) stands for it"
    return [Budget(_imagined(settings.budget, at), settings.budget, settings.reserve) for at in cards], (note,)


def _wanted(settings: Settings, devices: Sequence[GpuDevice]) -> tuple[int, ...]:
    """Return the indices of the cards that models may be placed on."""
    if settings.devices is None:
        return (settings.device,)
    if settings.devices == "auto":
        return tuple(device.index for device in devices)
    return tuple(sorted(set(settings.devices)))


def _imagined(size: Mib, index: int) -> Card:
    return Card(f"a card of {size}", size.bytes, size.bytes, here=False, index=index)


def _budget_here(request: PlanRequest, device: GpuDevice, host: Host) -> tuple[Budget, tuple[str, ...]]:
    settings, total = request.profile.gpu, device.total.bytes
    if settings.budget is not None and settings.budget.bytes > total * _NOMINAL:
        raise DoesNotFit(
            f"gpu.budget is {settings.budget}, but card {device.index} ({device.name}) has {int(device.total)} MiB",
            "lower gpu.budget in the profile, or leave it out to use the whole card",
        )
    ours = request.occupied.get(device.index, 0)
    free = min(total, device.free.bytes + ours)
    card = Card(device.name, total, free, here=True, index=device.index, multiprocessors=device.multiprocessors)
    # While servers of ours run, nobody can tell what RAM they would give back.
    budget = Budget(card, settings.budget, settings.reserve, None if request.occupied else host.free_memory())
    return budget, _taken_by_others(device, total - free, ours)


def _taken_by_others(device: GpuDevice, taken: int, ours: int) -> tuple[str, ...]:
    if not taken:
        return ()
    known = [one for one in device.processes or () if one.used]
    holders = ", ".join(f"pid {one.pid} {(one.used or 0) // _MIB} MiB" for one in known) if not ours else ""
    note = f"{taken // _MIB} of the {int(device.total)} MiB of {device.name} are not free"
    return (f"{note} ({holders})" if holders else note,)
