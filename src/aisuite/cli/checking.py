"""From options to all that `validate-env` looks at. What is missing on this machine is a finding, no error."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.cli.folders import user_folder
from aisuite.cli.options import DEFAULT_PROJECT
from aisuite.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from aisuite.adapters.gateway_env import GatewayEnv
    from aisuite.adapters.llama_binary import LlamaServer
    from aisuite.cli.choice import Choice
    from aisuite.ops.gather_facts import FactDoors, FactRequest
    from aisuite.ports import Deps
    from aisuite.preflight.snapshot import Programs, Section, Snapshot
    from aisuite.profile.load import Loaded
    from aisuite.stack.model import Stack
    from aisuite.vram.model import VramPlan


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked, and how it is looked at."""

    stack: Stack
    llama: str | None  # version of this machine's llama-server, where local processes use it
    gather: Callable[[AbstractSet[Section]], Snapshot]


def choice_of(choice: Choice, deps: Deps) -> Choice:
    """Return the choice; where nothing was chosen and the project is up, what it was brought up with."""
    import os

    from aisuite.cli.choice import Choice
    from aisuite.ops.record import read_record

    chosen = choice.profile or choice.phase or choice.demo or choice.engine or os.environ.get("AISUITE_PROFILE")
    record = None if chosen else read_record(deps.workdir)
    if record is None:
        return choice
    return Choice(record.profile_file or record.profile, record.phase, demo=False, engine=record.engine)


def subject_of(choice: Choice, deps: Deps, *, online: bool) -> Subject:
    """Load the profile, and return its stack with what looks at it. Raises ProfileError, UsageError."""
    from aisuite.adapters.gateway_env import GatewayEnv
    from aisuite.adapters.shared_folder import SharedFolder
    from aisuite.cli.planning import without_plan
    from aisuite.cli.sites import find_sites
    from aisuite.cli.wiring import load
    from aisuite.ops.gather_facts import FactRequest, gather
    from aisuite.ops.image_lock import read_lock
    from aisuite.stack.resolve import resolve

    loaded, folder = load(choice), deps.workdir.folder
    containers = loaded.profile.engine == "docker"
    environment = GatewayEnv(user_folder("data") / "gateway")
    llama, fault = (None, None) if containers else _look_for_llama()
    program = llama.argv_prefix if llama else ("llama-server",)
    sites = find_sites(folder.name, folder, program, environment.program, in_containers=containers)
    stack = resolve(without_plan(loaded).profile, loaded.name, sites[containers])
    request = FactRequest(
        stack=stack,
        working_dir=Path.cwd(),
        programs=_programs(stack, llama, fault, environment),
        lock=read_lock(SharedFolder(Path.cwd())),
        flags="--demo" if choice.demo else choice.flags(),
        project_flags="" if stack.project == DEFAULT_PROJECT else f"-p {stack.project}",
        cpu_only=llama.why_no_card if llama else None,
        online=online,
    )
    doors = _doors(request, deps, environment, lambda: _plan(loaded, choice, deps, llama))
    return Subject(stack, llama.version if llama else None, lambda sections: gather(request, doors, sections))


def _look_for_llama() -> tuple[LlamaServer | None, EngineUnavailable | None]:
    from aisuite.adapters.llama_binary import find_llama_server
    from aisuite.stack.inference import LLAMA_FLAGS

    try:
        return find_llama_server(LLAMA_FLAGS, user_folder("cache")), None
    except EngineUnavailable as err:
        return None, err


def _programs(
    stack: Stack, llama: LlamaServer | None, fault: EngineUnavailable | None, environment: GatewayEnv
) -> Programs:
    from aisuite.preflight.snapshot import Programs
    from aisuite.preflight.versions import pinned_version, version_of_image
    from aisuite.resources import find_data_dir
    from aisuite.stack.model import Role

    image = next((one.image for one in stack.services if one.role is Role.GATEWAY), None)
    pins = find_data_dir("templates") / "gateway" / "requirements.txt"
    return Programs(
        llama=llama.version if llama else "",
        llama_fault=fault.message if fault else "",
        llama_fix=fault.hint if fault else None,
        gateway_made=environment.done(),
        uv_fault=_uv_fault(),
        litellm=version_of_image(image) if image else pinned_version(pins.read_text(encoding="utf-8"), "litellm"),
    )


def _uv_fault() -> str:
    from aisuite.adapters.uv_program import find_uv

    try:
        find_uv("the gateway's environment")
    except EngineUnavailable as err:
        return err.message
    return ""


def _plan(loaded: Loaded, choice: Choice, deps: Deps, llama: LlamaServer | None) -> VramPlan | None:
    from aisuite.cli.planning import settle_card

    _, card = settle_card(loaded, choice, deps, llama.version if llama else None)
    return card.plan if card else None


def _doors(
    request: FactRequest, deps: Deps, environment: GatewayEnv, plan_card: Callable[[], VramPlan | None]
) -> FactDoors:
    from aisuite.adapters.docker_engine.live_containers import LiveContainers
    from aisuite.adapters.docker_facts import DockerFacts
    from aisuite.adapters.gguf_file import GgufFiles
    from aisuite.adapters.host_facts import LocalFacts
    from aisuite.cli.wiring import open_engine, open_images
    from aisuite.ops.gather_facts import FactDoors

    folder, containers = request.stack.folder, request.stack.engine == "docker"
    # Made also for a project that runs in containers and shall not: it brings the SDK in before threads ask for it.
    engine_facts = DockerFacts() if containers or deps.engine.name == "docker" else None
    return FactDoors(
        deps=deps,
        engine=open_engine(folder, request.stack.engine),
        machine=LocalFacts(),
        container_engine=engine_facts if containers else None,
        images=open_images() if containers else None,
        files=GgufFiles(user_folder("cache")),
        read_live=LiveContainers(folder, folder.name).read if containers else None,
        old_environments=lambda: tuple(environment.find_old()),
        plan_card=plan_card,
    )
