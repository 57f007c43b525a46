"""What must hold on this machine before anything is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.errors import DiskFull, DoesNotFit, GpuUnavailable, ModelMissing, PortTaken, Problem, ProfileInvalid
from aisuite.ops.model_files import is_here, why_not_here
from aisuite.plan.model import Verb
from aisuite.profile.dependencies import EMBEDDING
from aisuite.units import Mib

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aisuite.plan.model import Plan
    from aisuite.plan.observed import Observed
    from aisuite.ports import Engine, Gpu, Host
    from aisuite.stack.model import ModelFile, Stack
    from aisuite.vram.model import VramPlan

# Logs (10 MB and three rotations each), the vector store's first segments: with less, something fails later, oddly.
_NEEDED = 256 * 2**20
_BESIDE_MODEL = 1024  # MiB: finished prompts (512), the context, buffers


def check_models(models: Iterable[ModelFile], loaded_as: str) -> None:
    """Raise ModelMissing naming every file that is not there, and both ways to go on.

    `loaded_as` is how the profile was named on the command line, for the hint.
    """
    missing = [model for model in models if model.demo_sentence is None and not is_here(model.path)]
    if not missing:
        return
    count = "1 model file is" if len(missing) == 1 else f"{len(missing)} model files are"
    lines = [f"{count} missing; nothing was started:", *(f"  {_describe(model)}" for model in missing)]
    hint = f"aisuite models pull {loaded_as}\n      or try it without any download: aisuite up --demo"
    raise ModelMissing("\n".join(lines), tuple(model.path for model in missing), hint)


def _describe(model: ModelFile) -> str:
    source = f"from {model.repo}" if model.repo else "a file of yours"
    return f"{model.path}{why_not_here(model.path)}   for {model.service}, {source}"


def check_memory(stack: Stack) -> None:
    """Raise ProfileInvalid for a container that cannot keep its model in memory: it would read it again and again.

    On a card the file is read once.
    """
    problems = tuple(
        Problem(
            stack.profile,
            None,
            "services.embedding.memory" if model.service == EMBEDDING else f"models.{model.model}.memory",
            f"{Mib(size)} of {model.path.name} and what the server needs beside it do not fit in a container "
            f"of {service.memory}; write at least {Mib(size + _BESIDE_MODEL)}",
        )
        for model in stack.models
        if (service := stack.service(model.service)).memory is not None and not service.gpu
        if (size := _mib_of(model)) + _BESIDE_MODEL > service.memory
    )
    if problems:
        raise ProfileInvalid(problems)


def _mib_of(model: ModelFile) -> int:
    return model.path.stat().st_size // 2**20 if is_here(model.path) else 0


def check_gpu(stack: Stack, cpu_only: str | None, gpu: Gpu) -> None:
    """Raise GpuUnavailable when the stack asks for a card and cannot have it: never run on the CPU in silence.

    `cpu_only` says why the llama.cpp of this machine cannot use a card, if it cannot.
    """
    if stack.gpu_device is None or gpu.elsewhere() is not None:
        return  # of another machine's cards its engine tells, when the first server asks for one
    devices = gpu.devices()
    hint = "run on the CPU on purpose: aisuite up --profile phase2-cpu"
    wanted = {stack.gpu_device, *(service.card.index for service in stack.services if service.gpu)}
    missing = sorted(wanted - {device.index for device in devices})
    if missing:
        found = ", ".join(f"{device.index}: {device.name}" for device in devices) or f"none ({gpu.why_none()})"
        raise GpuUnavailable(f"profile {stack.profile} asks for card {missing[0]}; cards here: {found}", hint)
    if cpu_only is not None:
        raise GpuUnavailable(f"profile {stack.profile} asks for a card, but {cpu_only}", hint)


def check_fit(card: VramPlan | None, stack: Stack, plan: Plan, *, force: bool) -> None:
    """Raise DoesNotFit when servers are to start on a card that has no room for all, unless that is wanted."""
    starts = {step.subject for step in plan.steps if step.verb in {Verb.START, Verb.RECREATE}}
    on_card = any(service.gpu and service.name in starts for service in stack.services)
    if card is None or force or not on_card or not card.is_too_much:
        return
    lines = [f"the models do not fit on {card.where}; nothing was started:"]
    lines += [f"  {reason}" for reason in card.reasons]
    if card.remedy:
        lines.append(f"the smallest change that makes them fit: {card.remedy}")
    hint = "aisuite plan   # every part\n      or start them all the same: aisuite up --force"
    raise DoesNotFit("\n".join(lines), hint)


def check_disk(stack: Stack, host: Host) -> None:
    """Raise DiskFull when the stack has no room for its logs and data."""
    for place in dict.fromkeys((stack.folder, stack.data)):
        free = host.free_bytes(place)
        if free < _NEEDED:
            message = (
                f"{free // 2**20} MiB are free for {place}; the suite needs {_NEEDED // 2**20}; nothing was started"
            )
            raise DiskFull(message, f"df -h {place.parent}")


def check_ports(stack: Stack, plan: Plan, observed: Observed, host: Host, engine: Engine) -> None:
    """Raise PortTaken naming every port that a service to be started needs and somebody else holds."""
    ours = {service.name for service in observed.services if service.pid is not None or service.container is not None}
    taken, in_engine = [], engine.port_holders()
    for step in plan.steps:
        if step.verb is not Verb.START or step.subject in ours:
            continue  # what runs already holds its own port until it is stopped
        service = stack.service(step.subject)
        holder = in_engine.get(service.published.port)
        holder = holder or host.port_holder(service.published.host, service.published.port)
        if holder is not None:
            taken.append((service.name, service.published.port, holder))
    if not taken:
        return
    lines = [f"port {port} for {name} is held by {holder}" for name, port, holder in taken]
    name, port, _ = taken[0]
    hint = f"stop it, or take another port in the profile (ports: {{{name}: {port + 10000}}})"
    raise PortTaken("\n".join([*lines, "nothing was started"]), hint)
