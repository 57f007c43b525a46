"""Where the planner meets the real adapters: `plan`, and every command that needs a plan to make a stack final."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.errors import EngineUnavailable, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.cli.choice import Choice
    from aisuite.ops.plan import PlanDoors, PlanReport, PlanRequest
    from aisuite.ops.settle import CardPlan
    from aisuite.ports import Deps, Gpu
    from aisuite.profile.load import Loaded
    from aisuite.units import Mib
    from aisuite.vram.model import LlamaBuild, Overhead
    from aisuite.vram.pricing import Pricing


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options of `plan` say."""

    gpu_memory: str | None
    models: Sequence[str]
    what_if: str
    plot: Path | None


def plan_for(choice: Choice, folder: Path, asked: Asked) -> PlanReport:
    """Plan what the command line asks for, and draw it where that is wanted."""
    from aisuite.cli.wiring import load
    from aisuite.ops.plan import ModelSource, plan
    from aisuite.vram.what_if import parse_changes

    loaded = load(choice)
    llama, notes = _local_llama(loaded)
    request = replace(
        _request(loaded, choice, folder, llama),
        notes=notes,
        gpu_memory=_sizes(asked.gpu_memory),
        sources=tuple(ModelSource.parse(text) for text in asked.models),
        changes=parse_changes(asked.what_if),
        sweep=asked.plot is not None,
    )
    report = plan(request, _doors(loaded.profile.engine))
    if asked.plot is not None:
        _draw(report, asked.plot)
    return report


def _local_llama(loaded: Loaded) -> tuple[str | None, tuple[str, ...]]:
    """Return the version of the llama-server that `up` would start, or what is to be said where there is none."""
    if loaded.profile.engine == "docker" or loaded.profile.gpu.backend == "cpu":
        return None, ()
    from aisuite.cli.wiring import find_llama

    try:
        found = find_llama()
    except EngineUnavailable as err:
        return None, (f"{err}: planned for the image",)
    if found.why_no_card is not None:
        return None, (f"{found.why_no_card}: planned for the image",)
    return found.version, ()


def _draw(report: PlanReport, picture: Path) -> None:
    from aisuite.adapters.shared_folder import SharedFolder
    from aisuite.vram.plot import plan_svg

    if picture.suffix != ".svg":
        raise UsageError(f"--plot {picture}: a file whose name ends in .svg", "aisuite plan --plot plan.svg")
    SharedFolder(picture.parent).write(picture.name, plan_svg(report.plan, report.sweeps))


def forget_measurements() -> bool:
    """Forget what was measured on this machine's cards; false when there was nothing."""
    from aisuite.adapters.calibration import CalibrationFile
    from aisuite.cli.folders import user_folder

    return CalibrationFile(user_folder("data")).reset()


def without_plan(loaded: Loaded) -> Loaded:
    """Return the profile with all layers where a plan would choose."""
    if loaded.profile.gpu.backend == "cpu" or all(one.gpu_layers != "auto" for one in loaded.profile.models.values()):
        return loaded
    from aisuite.vram.demand import unplanned

    return replace(loaded, profile=unplanned(loaded.profile))


def settle_card(
    loaded: Loaded, choice: Choice, deps: Deps, llama: str | None, *, again: bool = False
) -> tuple[Loaded, CardPlan | None]:
    """Return the profile with nothing left to plan, and the plan; no header is read where there is no card.

    `llama` is the version of the llama-server of local processes; None: containers.
    """
    if loaded.profile.gpu.backend == "cpu":
        return loaded, None
    from aisuite.ops.settle import settle

    request = _request(loaded, choice, deps.workdir.folder, llama)
    profile, card = settle(request, _doors(loaded.profile.engine), deps.workdir, deps.engine, again=again)
    return replace(loaded, profile=profile), card


def _request(loaded: Loaded, choice: Choice, folder: Path, llama: str | None) -> PlanRequest:
    from aisuite.ops.plan import PlanRequest
    from aisuite.stack.model import Site
    from aisuite.stack.resolve import model_files
    from aisuite.vram.build import build_number
    from aisuite.vram.demand import build_of_image
    from aisuite.vram.model import LlamaBuild

    site = Site(engine="process", project=folder.name, folder=folder, working_dir=Path.cwd(), cpus=1)
    build = LlamaBuild(build_number(llama), llama) if llama else build_of_image(loaded.profile.images)
    return PlanRequest(loaded.profile, loaded.name, model_files(loaded.profile, site), build, choice.flags())


def open_cards(engine: str) -> Gpu:
    """Return the cards that the engine's services get: of this machine, or of that on which Docker runs."""
    from aisuite.adapters.nvml import NvmlGpu

    host = _docker_host() if engine == "docker" else None
    if host is None:
        return NvmlGpu()
    from aisuite.adapters.cards_elsewhere import CardsElsewhere

    return CardsElsewhere(host)


def _docker_host() -> str | None:
    from aisuite.adapters.docker_engine.local_socket import find_local_socket

    if find_local_socket() is not None:
        return None
    from aisuite.adapters.docker_client import engine_address, remote_host

    try:
        return remote_host(engine_address())
    except EngineUnavailable:  # no such context: who asks that engine says so
        return None


def _doors(engine: str) -> PlanDoors:
    """Return what planning for an engine needs of this machine."""
    from aisuite.adapters.calibration import CalibrationFile
    from aisuite.adapters.gguf_file import GgufFiles
    from aisuite.adapters.host import LocalHost
    from aisuite.cli.folders import user_folder
    from aisuite.ops.plan import PlanDoors

    cache, data = user_folder("cache"), user_folder("data")
    return PlanDoors(GgufFiles(cache), open_cards(engine), LocalHost(), CalibrationFile(data), _price)


def _price(build: LlamaBuild, overhead: Overhead) -> Pricing:
    from aisuite.vram.rulebook import price  # the simulation behind it, only when there are shapes to price

    return price(build, overhead)


def _sizes(text: str | None) -> tuple[Mib, ...]:
    from aisuite.units import Mib

    try:
        return () if text is None else tuple(Mib.parse(size) for size in text.split(","))
    except ValueError as err:
        raise UsageError(f"--gpu-memory: {err}", "aisuite plan --gpu-memory 6141MiB") from err
