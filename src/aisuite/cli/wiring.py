"""Where the use cases meet the real adapters, and with `doors` the only place; everything is built when needed."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.cli.folders import user_folder
from aisuite.cli.planning import open_cards, settle_card, without_plan
from aisuite.cli.sites import find_sites
from aisuite.errors import UsageError
from aisuite.ports import Deps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.adapters.llama_binary import LlamaServer
    from aisuite.cli.choice import Choice
    from aisuite.ops.settle import CardPlan
    from aisuite.ports import (
        Engine,
        Faults,
        Folder,
        Images,
        Preparer,
        Renderer,
        Workdir,
    )
    from aisuite.profile.load import Loaded, Origin
    from aisuite.stack.model import EngineName, Site, Stack


@dataclass(frozen=True, slots=True)
class Basis:
    """What a stack is made final from, once it is known how many layers fit on the card."""

    loaded: Loaded
    choice: Choice
    sites: tuple[Site, Site]  # of the engine that is taken, then of the other
    llama: str | None  # the version of the llama-server of local processes, where it can use a card


@dataclass(frozen=True, slots=True)
class Suite:
    """A profile made final on this machine but for a plan of its card, with the adapters to act on it."""

    wanted_engine: str  # "auto", "process" or "docker", as flags, environment and profile say
    wanted_by: Origin
    stack: Stack  # for the engine that is taken
    other: Stack  # the same profile for the other engine: rendered, not started
    deps: Deps
    profile_why: str
    profile_file: Path | None  # where it was read, unless it is a shipped one
    loaded_as: str
    cpu_only: str | None
    notes: tuple[str, ...]
    basis: Basis
    card: CardPlan | None = None  # what each model gets of the card; None where there is none, or nobody asked

    @property
    def engine_why(self) -> str:
        """Why this engine is taken."""
        if self.wanted_engine == "auto":
            return "auto: local processes; containers with --engine docker"
        return "the profile says so" if self.wanted_by.kind == "profile" else self.wanted_by.where

    @property
    def rendered(self) -> tuple[Stack, ...]:
        """The stacks whose files `render` writes: of the engine that a flag or variable names, else of both."""
        named = self.wanted_by.kind not in {"profile", "default"} and self.wanted_engine != "auto"
        return (self.stack,) if named else (self.other, self.stack)


def load(choice: Choice) -> Loaded:
    """Load the profile that the command line chooses. Raises ProfileError, UsageError."""
    from aisuite.profile.load import ProfileRequest, load_profile

    name, _ = choice.name()
    here = Path.cwd()
    return load_profile(ProfileRequest(name, here, choice.overrides(), os.environ, here / ".env"))


def _file_of(loaded: Loaded) -> Path | None:
    from aisuite.profile.files import shipped_profiles

    file = loaded.files[0].absolute()
    return None if file == shipped_profiles().get(loaded.name) else file


def list_profiles() -> dict[str, Path]:
    """Return the profiles that a name can mean, with their files."""
    from aisuite.profile.load import known_profiles

    return known_profiles(Path.cwd())


def wire(choice: Choice, project: str, state: Path, *, offline: bool = False) -> Suite:
    """Load the profile, look at this machine, and return the stack with its adapters.

    Where a plan must choose, all layers are on the card: see `planned`. `offline`: what must be made is made without
    the network, or not at all.
    """
    from aisuite.adapters.gateway_env import GatewayEnv
    from aisuite.vram.build import build_number

    loaded = load(choice)
    folder = project_folder(project, state)
    containers = loaded.profile.engine == "docker"
    llama = None if containers else find_llama()
    environment = GatewayEnv(user_folder("data") / "gateway", offline=offline)
    program = llama.argv_prefix if llama else ("llama-server",)
    sites = find_sites(project, folder, program, environment.program, in_containers=containers)
    if llama is not None:
        sites = (replace(sites[0], llama_build=build_number(llama.version)), sites[1])
    version = llama.version if llama and llama.why_no_card is None else None
    basis = Basis(loaded, choice, sites[::-1] if containers else sites, version)
    stack, other = (_resolve(without_plan(loaded), site) for site in basis.sites)
    return Suite(
        wanted_engine=loaded.profile.engine,
        wanted_by=loaded.origin["engine"],
        stack=stack,
        other=other,
        deps=build_deps(folder, stack.engine, preparers_of(stack, environment)),
        profile_why=choice.name()[1],
        profile_file=_file_of(loaded),
        loaded_as=choice.flags(),
        cpu_only=llama.why_no_card if llama else None,
        notes=(*stack.notes, *loaded.warnings),
        basis=basis,
    )


def planned(suite: Suite, *, again: bool = False) -> Suite:
    """Return the suite with what fits on its card now, or what runs there; `again`: with what the last `up` was told.

    Without a card it is the same suite, and no file is looked at. Raises what a plan raises.
    """
    basis = suite.basis
    loaded, card = settle_card(basis.loaded, basis.choice, suite.deps, basis.llama, again=again)
    if card is None:
        return suite
    stack, other = (_resolve(loaded, site) for site in basis.sites)
    return replace(suite, stack=stack, other=other, card=card, notes=(*suite.notes, *card.notes))


def wire_again(profile: str | None, project: str, state: Path) -> Suite:
    """Wire what `up` has brought up last: its profile, or the one that is named, with its phase and on its engine.

    Raises NotRunning, ProfileError.
    """
    from aisuite.adapters.workdir import ProjectDir
    from aisuite.cli.choice import Choice
    from aisuite.ops.record import require_record

    record = require_record(ProjectDir(project_folder(project, state)))
    choice = Choice(profile or record.profile_file or record.profile, record.phase, demo=False, engine=record.engine)
    return planned(wire(choice, project, state), again=True)


def wire_alone(choice: Choice, project: str, folder: Path) -> tuple[Stack, Deps]:
    """Return the containers of a profile as they run in a folder without us, and what writes that folder."""
    from aisuite.adapters.gateway_env import GatewayEnv

    check_project(project)
    folder = folder.absolute()
    environment = GatewayEnv(user_folder("data") / "gateway")
    _, site = find_sites(project, folder, ("llama-server",), environment.program, in_containers=True)
    loaded = load(choice)
    deps = build_deps(folder, "docker", preparers_of(_resolve(without_plan(loaded), site), environment))
    loaded, _ = settle_card(loaded, choice, deps, None)
    return _resolve(loaded, site), deps


def find_llama() -> LlamaServer:
    """Return what local processes start as model server. Raises EngineUnavailable."""
    from aisuite.adapters.llama_binary import find_llama_server
    from aisuite.stack.inference import LLAMA_FLAGS

    return find_llama_server(LLAMA_FLAGS, user_folder("cache"))


def _resolve(loaded: Loaded, site: Site) -> Stack:
    from aisuite.stack.resolve import resolve

    return resolve(loaded.profile, loaded.name, site)


def preparers_of(stack: Stack, environment: Preparer) -> dict[str, Preparer]:
    """Return what must be made once before this stack can start."""
    found: dict[str, Preparer] = {"gateway-environment": environment} if stack.engine == "process" else {}
    if stack.demo:
        from aisuite.adapters.demo_models import DemoModels

        found["demo-models"] = DemoModels(stack.models)
    return found


def open_project(project: str, state: Path) -> Deps:
    """Open a project as it stands on disk, without any profile."""
    folder = project_folder(project, state)
    return build_deps(folder, recorded_engine(folder), {})


def recorded_engine(folder: Path) -> EngineName:
    """Return the engine on which a project was brought up; local processes when nothing is recorded."""
    from aisuite.adapters.workdir import ProjectDir
    from aisuite.ops.record import read_record

    record = read_record(ProjectDir(folder))
    return "docker" if record is not None and record.engine == "docker" else "process"


def open_folder(folder: Path) -> Workdir:
    """Open any folder for rendered files."""
    from aisuite.adapters.workdir import ProjectDir

    return ProjectDir(folder.absolute())


def open_images() -> Images:
    """Return the images of the container engine."""
    from aisuite.adapters.images import DockerImages

    return DockerImages()


def open_shared(folder: Path) -> Folder:
    """Open a folder whose files people share: the lock of images, an offline bundle."""
    from aisuite.adapters.shared_folder import SharedFolder

    return SharedFolder(folder)


def project_folder(project: str, state: Path) -> Path:
    """Return the absolute folder of a project. Raises UsageError when the name cannot be a folder's."""
    check_project(project)
    return Path(os.path.normpath(Path.cwd() / state / project))


def check_project(project: str) -> None:
    """Raise UsageError for what cannot be the name of a project."""
    from aisuite.profile.text import check_name

    try:
        check_name(project)
    except ValueError as err:
        raise UsageError(f"--project: {err}", "aisuite up --project my-suite") from err


def build_deps(folder: Path, engine: EngineName, preparers: Mapping[str, Preparer]) -> Deps:
    """Return the adapters for a project's folder."""
    from aisuite.adapters.calibration import CalibrationFile
    from aisuite.adapters.clock import SystemClock
    from aisuite.adapters.host import LocalHost
    from aisuite.adapters.probe import HttpProbe
    from aisuite.adapters.render import JinjaRenderer
    from aisuite.adapters.schema_version import read_schema_version
    from aisuite.adapters.workdir import ProjectDir
    from aisuite.resources import find_data_dir

    runs, renderer, workdir = open_engine(folder, engine), JinjaRenderer(find_data_dir("templates")), ProjectDir(folder)
    return Deps(
        engine=runs,
        probe=HttpProbe(),
        renderer=renderer,
        workdir=workdir,
        host=LocalHost(),
        clock=SystemClock(),
        gpu=open_cards(engine),
        preparers=preparers,
        images=open_images() if engine == "docker" else None,
        calibration=CalibrationFile(user_folder("data")),
        schema_of=read_schema_version,
        faults=lambda stack: _open_faults(stack, runs, renderer, workdir),
    )


def _open_faults(stack: Stack, engine: Engine, renderer: Renderer, workdir: Workdir) -> Faults:
    if engine.name == "docker":
        from aisuite.adapters.docker_engine.drill_faults import DockerFaults

        return DockerFaults(engine, stack, renderer, workdir)
    from aisuite.adapters.process_engine.faults import ProcessFaults

    return ProcessFaults(engine, stack, renderer, workdir)


def open_engine(folder: Path, engine: EngineName) -> Engine:
    """Return the engine that runs the project in this folder."""
    if engine == "docker":
        from aisuite.adapters.docker_engine.engine import DockerEngine

        return DockerEngine(folder, folder.name)
    from aisuite.adapters.process_engine import ProcessEngine

    return ProcessEngine(folder)
