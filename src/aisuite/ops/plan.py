"""`aisuite plan`: what every model server gets of the card, before anything starts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.errors import DoesNotFit, UsageError
from aisuite.ops.checks import check_models
from aisuite.vram.demand import demand_alone, demands_of, planned_models
from aisuite.vram.model import Budget, Card
from aisuite.vram.overhead import estimated_overhead
from aisuite.vram.solve import Neighbour, neighbours, solve
from aisuite.vram.what_if import apply_changes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aisuite.ports import Calibration, Gpu, GpuDevice, Host
    from aisuite.ports.models import ModelFiles
    from aisuite.profile.model import Profile
    from aisuite.stack.model import ModelFile
    from aisuite.units import Mib
    from aisuite.vram.model import Demand, LlamaBuild, ModelShape, Overhead, VramPlan
    from aisuite.vram.pricing import Pricing
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
    gpu_memory: Mib | None = None  # of a card that is not here
    sources: tuple[ModelSource, ...] = ()
    changes: tuple[Change, ...] = ()  # --what-if
    occupied: int = 0  # bytes of the card that this project's own servers hold now
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
    budget, notes = _budget(request, doors)
    overhead = doors.calibration.find(budget.card.name) or estimated_overhead(budget.card)
    pricing = doors.price(request.build, overhead)
    said = (*notes, *request.notes, *_of_backend(request.profile), *pricing.notes, *_assumed(demands))
    pricing = replace(pricing, notes=said)
    demands = tuple(replace(one, fixed_by=_AS_PLANNED) if one.model in request.answered else one for one in demands)
    found = _solved(request, apply_changes(demands, request.changes), budget, pricing)
    before = _solved(request, demands, budget, pricing) if request.changes else None
    return PlanReport(found, neighbours(found, pricing), before, _sweeps(found, pricing) if request.sweep else ())


def _solved(request: PlanRequest, demands: Sequence[Demand], budget: Budget, pricing: Pricing) -> VramPlan:
    prefer = request.profile.gpu.prefer
    found = solve(demands, budget, pricing, prefer)
    found = replace(found, notes=(*found.notes, *_above_limits(found, request.profile)))
    if found.fits:
        return found
    from aisuite.vram.remedy import with_remedy

    return with_remedy(found, demands, pricing, prefer)


def _sweeps(found: VramPlan, pricing: Pricing) -> tuple[Sweep, ...]:
    from aisuite.vram.sweep import sweeps

    return sweeps(found, pricing)


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
    check_models((file for file in needed if file.model not in given), request.loaded_as)
    return {file.model: _read(given.get(file.model, str(file.path)), files) for file in needed}


def _read(source: str, files: ModelFiles) -> ModelShape:
    return files.remote_shape(source) if source.startswith("hf:") else files.shape(Path(source))


def _budget(request: PlanRequest, doors: PlanDoors) -> tuple[Budget, tuple[str, ...]]:
    """Return what may be used of which card, and what is to be said about that."""
    settings = request.profile.gpu
    if request.gpu_memory is not None:
        return Budget(_imagined(request.gpu_memory), None, settings.reserve), ()
    device = next((one for one in doors.gpu.devices() if one.index == settings.device), None)
    if device is not None:
        return _budget_here(request, device, doors.host)
    if settings.budget is None:
        raise UsageError(
            f"no card {settings.device} is here ({doors.gpu.why_none()}), and profile {request.name} has no gpu.budget",
            "aisuite plan --gpu-memory 8GiB",
        )
    note = f"no card {settings.device} is here: gpu.budget ({settings.budget}) stands for it"
    return Budget(_imagined(settings.budget), settings.budget, settings.reserve), (note,)


def _imagined(size: Mib) -> Card:
    return Card(f"a card of {size}", size.bytes, size.bytes, here=False)


def _budget_here(request: PlanRequest, device: GpuDevice, host: Host) -> tuple[Budget, tuple[str, ...]]:
    settings, total = request.profile.gpu, device.total.bytes
    if settings.budget is not None and settings.budget.bytes > total * _NOMINAL:
        raise DoesNotFit(
            f"gpu.budget is {settings.budget}, but card {device.index} ({device.name}) has {int(device.total)} MiB",
            "lower gpu.budget in the profile, or leave it out to use the whole card",
        )
    free = min(total, device.free.bytes + request.occupied)
    card = Card(device.name, total, free, here=True, index=device.index, multiprocessors=device.multiprocessors)
    # While servers of ours run, nobody can tell what RAM they would give back.
    budget = Budget(card, settings.budget, settings.reserve, None if request.occupied else host.free_memory())
    return budget, _taken_by_others(device, total - free, request.occupied)


def _taken_by_others(device: GpuDevice, taken: int, ours: int) -> tuple[str, ...]:
    if not taken:
        return ()
    known = [one for one in device.processes or () if one.used]
    holders = ", ".join(f"pid {one.pid} {(one.used or 0) // _MIB} MiB" for one in known) if not ours else ""
    note = f"{taken // _MIB} of the {int(device.total)} MiB of {device.name} are not free"
    return (f"{note} ({holders})" if holders else note,)
