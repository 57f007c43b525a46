"""Where the use cases meet the real adapters. The only module that imports both; everything is built when needed."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.errors import EngineUnavailable, UsageError
from aisuite.ports import Deps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.ports import Hub, Preparer, Workdir
    from aisuite.profile.load import Loaded, Origin, Override
    from aisuite.stack.model import EngineName, Stack

DEFAULT_PROFILE = "phase2"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line says about the profile; None: nothing."""

    profile: str | None
    phase: int | None
    demo: bool
    engine: str | None

    def name(self) -> tuple[str, str]:
        """Return the profile to load, and why that one. Raises UsageError."""
        if self.profile is not None and self.demo:
            raise UsageError("--demo is a profile of its own and cannot go with --profile", "aisuite up --demo")
        if self.profile is not None:
            return self.profile, "--profile"
        if self.demo:
            return "demo", "--demo"
        if self.phase is not None:
            return f"phase{self.phase}", f"--phase {self.phase}"
        # Here and not as the option's own variable: a flag that chooses another profile wins over it.
        if named := os.environ.get("AISUITE_PROFILE"):
            return named, "environment AISUITE_PROFILE"
        return DEFAULT_PROFILE, "the default"

    def overrides(self) -> dict[str, Override]:
        """Return what the flags set in the profile, by key path."""
        found: dict[str, Override] = {}
        if self.engine is not None:
            found["engine"] = (self.engine, "--engine")
        if self.phase is not None and (self.demo or self.profile is not None):
            found["phase"] = (self.phase, "--phase")
        return found

    def flags(self) -> str:
        """Return the flags that choose the same profile again, for hints."""
        words = [f"--phase {self.phase}"] if self.phase is not None else []
        words += [f"--profile {self.profile}"] if self.profile is not None else []
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class Suite:
    """A profile made final on this machine, with the adapters to act on it."""

    wanted_engine: str  # "auto", "process" or "docker", as flags, environment and profile say
    wanted_by: Origin
    stack: Stack  # for the process engine
    compose: Stack  # the same profile for Docker: rendered, not started
    deps: Deps
    profile_why: str
    loaded_as: str
    cpu_only: str | None
    notes: tuple[str, ...]

    @property
    def engine_why(self) -> str:
        """Why the process engine is taken. Raises EngineUnavailable rather than taking another one in silence."""
        if self.wanted_engine == "docker":
            raise EngineUnavailable(
                "this version starts local processes only; for Docker it writes the Compose file",
                "aisuite render --engine docker -o suite, or: aisuite up --engine process",
            )
        if self.wanted_engine == "auto":
            return "auto: the only one that this version starts"
        return "the profile says so" if self.wanted_by.kind == "profile" else self.wanted_by.where

    @property
    def rendered(self) -> tuple[Stack, ...]:
        """The stacks whose files `render` writes: of the engine that a flag or variable names, else of both."""
        if self.wanted_by.kind in {"profile", "default"}:
            return (self.compose, self.stack)
        return (self.compose,) if self.wanted_engine == "docker" else (self.stack,)


def load(choice: Choice) -> Loaded:
    """Load the profile that the command line chooses. Raises ProfileError, UsageError."""
    from aisuite.profile.load import ProfileRequest, load_profile

    name, _ = choice.name()
    here = Path.cwd()
    return load_profile(ProfileRequest(name, here, choice.overrides(), os.environ, here / ".env"))


def list_profiles() -> dict[str, Path]:
    """Return the profiles that a name can mean, with their files."""
    from aisuite.profile.load import known_profiles

    return known_profiles(Path.cwd())


def wire(choice: Choice, project: str, state: Path) -> Suite:
    """Load the profile, look at this machine, and return the final stack with its adapters."""
    from aisuite.adapters.gateway_env import GatewayEnv
    from aisuite.adapters.host import LocalHost
    from aisuite.adapters.llama_binary import find_llama_server
    from aisuite.stack.inference import LLAMA_FLAGS
    from aisuite.stack.model import Site
    from aisuite.stack.resolve import resolve

    loaded = load(choice)
    folder = project_folder(project, state)
    llama = find_llama_server(LLAMA_FLAGS, _user_folder("cache"))
    environment = GatewayEnv(_user_folder("data") / "gateway")

    def stack_on(engine: EngineName) -> Stack:
        site = Site(
            engine=engine,
            project=project,
            folder=folder,
            working_dir=Path.cwd(),
            cpus=LocalHost().cpus(),
            llama_server=llama.argv_prefix,
            gateway=environment.program,
            python=(sys.executable,),
            owner=(os.getuid(), os.getgid()),
        )
        return resolve(loaded.profile, loaded.name, site)

    stack = stack_on("process")
    preparers: dict[str, Preparer] = {"gateway-environment": environment}
    if stack.demo:
        from aisuite.adapters.demo_models import DemoModels

        preparers["demo-models"] = DemoModels(stack.models)
    return Suite(
        wanted_engine=loaded.profile.engine,
        wanted_by=loaded.origin["engine"],
        stack=stack,
        compose=stack_on("docker"),
        deps=_deps(folder, preparers),
        profile_why=choice.name()[1],
        loaded_as=choice.flags(),
        cpu_only=f"{llama.why}, and the wheel xllamacpp is built for the CPU" if llama.kind == "wheel" else None,
        notes=(*stack.notes, *loaded.warnings),
    )


def open_project(project: str, state: Path) -> Deps:
    """Open a project as it stands on disk, without any profile."""
    return _deps(project_folder(project, state), {})


def open_folder(folder: Path) -> Workdir:
    """Open any folder for rendered files."""
    from aisuite.adapters.workdir import ProjectDir

    return ProjectDir(folder.absolute())


def open_hub() -> Hub:
    """Return where models are fetched from."""
    from aisuite.adapters.hub import HuggingFaceHub

    return HuggingFaceHub()


def project_folder(project: str, state: Path) -> Path:
    """Return the absolute folder of a project. Raises UsageError when the name cannot be a folder's."""
    from aisuite.profile.text import check_name

    try:
        check_name(project)
    except ValueError as err:
        raise UsageError(f"--project: {err}", "aisuite up --project my-suite") from err
    return (Path.cwd() / state / project).absolute()


def _deps(folder: Path, preparers: Mapping[str, Preparer]) -> Deps:
    from aisuite.adapters.chat import HttpChat
    from aisuite.adapters.clock import SystemClock
    from aisuite.adapters.host import LocalHost
    from aisuite.adapters.nvml import NvmlGpu
    from aisuite.adapters.probe import HttpProbe
    from aisuite.adapters.process_engine import ProcessEngine
    from aisuite.adapters.render import JinjaRenderer
    from aisuite.adapters.workdir import ProjectDir
    from aisuite.resources import find_data_dir

    return Deps(
        engine=ProcessEngine(folder),
        probe=HttpProbe(),
        renderer=JinjaRenderer(find_data_dir("templates")),
        workdir=ProjectDir(folder),
        host=LocalHost(),
        clock=SystemClock(),
        chat=HttpChat(),
        gpu=NvmlGpu(),
        preparers=preparers,
    )


def _user_folder(kind: str) -> Path:
    import platformdirs

    folder = platformdirs.user_cache_dir("aisuite") if kind == "cache" else platformdirs.user_data_dir("aisuite")
    return Path(folder)
