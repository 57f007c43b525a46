"""The card: there, with a driver that fits, memory to be had, and room for the models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.preflight.model import Check, Judgement, Outcome, note, well
from aisuite.preflight.snapshot import Section
from aisuite.preflight.versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.preflight.snapshot import Snapshot
    from aisuite.stack.model import Stack

_CDI = "nvidia.com/gpu="
_ON_CPU = "aisuite up --profile phase2-cpu   # the CPU, on purpose"


def cards_of(stack: Stack) -> frozenset[int]:
    """Return the numbers of all cards that a stack uses; its services may have one each."""
    if stack.gpu_device is None:
        return frozenset()
    return frozenset((stack.gpu_device, *(one.card.index for one in stack.services if one.gpu)))


def _is_here(snapshot: Snapshot) -> Judgement | None:
    wanted, gpu = sorted(cards_of(snapshot.stack)), snapshot.gpu
    if not wanted:
        return None
    if gpu.elsewhere:
        return note(gpu.fault, f"ssh {gpu.elsewhere} nvidia-smi   # and gpu.budget in the profile, for the plan")
    found = dict(gpu.cards)
    lacking = [index for index in wanted if index not in found]
    if not lacking:
        named = ", ".join(f"card {index}: {found[index]}" for index in wanted)
        return well(f"{named}, driver {gpu.driver or 'unknown'}")
    listed = ", ".join(f"{index}: {name}" for index, name in gpu.cards) or gpu.fault
    return Judgement(f"{_named(lacking)} not here ({listed})", fix=_ON_CPU)


def _named(cards: Sequence[int]) -> str:
    return f"card {cards[0]} is" if len(cards) == 1 else f"cards {', '.join(map(str, cards))} are"


def _driver_runs_cuda(snapshot: Snapshot) -> Judgement | None:
    needs = [(one.reference, one.cuda) for one in snapshot.images if one.cuda is not None]
    has = parse_version(snapshot.gpu.cuda or "")
    if not snapshot.gpu.cards or not snapshot.in_containers:
        return None
    if has is None:
        return note("the driver does not say which CUDA it runs", "nvidia-smi")
    if not needs:
        return note(f"the driver runs CUDA {snapshot.gpu.cuda}; what the image needs is known when it is here")
    behind = [(name, need) for name, need in needs if has < (parse_version(need) or ())]
    if not behind:
        return well(f"CUDA {snapshot.gpu.cuda}; the image needs {needs[0][1]}")
    return Judgement(
        f"the driver {snapshot.gpu.driver} runs CUDA {snapshot.gpu.cuda} at most",
        fix="nvidia-smi   # then a newer driver",
        details=tuple(f"{name} needs CUDA {need}" for name, need in behind),
    )


def _containers_get_it(snapshot: Snapshot) -> Judgement | None:
    docker, wanted = snapshot.docker, sorted(cards_of(snapshot.stack))
    if not snapshot.in_containers or not wanted or docker.fault:
        return None
    if "nvidia" in docker.runtimes:
        return well("the engine has NVIDIA's runtime")
    named = sorted(one for one in docker.cdi_devices if one.startswith(_CDI))
    lacking = [index for index in wanted if f"{_CDI}{index}" not in named]
    if not lacking:
        return well(f"the engine knows {', '.join(named)} by CDI")
    without = "the engine has neither NVIDIA's runtime nor a CDI device of "
    return Judgement(
        without + (f"card {', '.join(map(str, lacking))}; it knows {', '.join(named)}" if named else "its cards"),
        fix="sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker",
    )


def _gives_memory(snapshot: Snapshot) -> Judgement | None:
    tried = snapshot.gpu.allocated
    if not tried:
        return None
    broken = [(index, why) for index, why in tried if why]
    if not broken:
        return well("64 MiB were taken and given back")
    words = "; ".join(f"card {index}: {why}" for index, why in broken) if len(tried) > 1 else broken[0][1]
    return Judgement(words, fix="nvidia-smi")


def _llama_uses_it(snapshot: Snapshot) -> Judgement | None:
    if snapshot.stack.gpu_device is None or snapshot.in_containers:
        return None
    why = snapshot.gpu.cpu_only
    return well("this machine's llama.cpp can use a card") if why is None else Judgement(why, fix=_ON_CPU)


def _models_fit(snapshot: Snapshot) -> Judgement | None:
    card = snapshot.card
    if card.fault:
        return Judgement(card.fault, fix=card.fix or snapshot.command("plan"))
    if not card.verdict:
        return None
    if card.verdict == "fits":
        return well(card.summary)
    outcome = Outcome.WARN if card.verdict == "tight" else None
    remedy = () if card.remedy is None else (f"the smallest change that makes them fit: {card.remedy}",)
    return Judgement(card.summary, outcome, snapshot.command("plan"), (*card.reasons, *remedy))


_READS = frozenset({Section.GPU})
CHECKS = (
    Check(
        "GPU-001",
        "The card is here",
        Outcome.FAIL,
        "every card that the profile names, and a driver that answers",
        "A stack that asks for a card never runs on the CPU in silence.",
        _READS,
        _is_here,
    ),
    Check(
        "GPU-002",
        "The driver runs the image's CUDA",
        Outcome.FAIL,
        "at least the CUDA that the image names itself",
        "An image of a newer CUDA starts, finds no card, and falls back to the CPU.",
        frozenset({Section.GPU, Section.IMAGES}),
        _driver_runs_cuda,
    ),
    Check(
        "GPU-003",
        "Containers get the card",
        Outcome.FAIL,
        "NVIDIA's runtime, or CDI devices, in the engine",
        "Without either the engine refuses to start the container.",
        frozenset({Section.DOCKER}),
        _containers_get_it,
    ),
    Check(
        "GPU-004",
        "The card gives memory",
        Outcome.FAIL,
        "64 MiB can be taken of each and given back",
        "A driver can list a card that cannot be used: after an update without a reboot, in exclusive mode, or when "
        "it hangs. Only trying tells.",
        _READS,
        _gives_memory,
    ),
    Check(
        "GPU-005",
        "llama.cpp can use a card",
        Outcome.FAIL,
        "a llama-server with a backend for the card (local processes)",
        "A build for the CPU takes the same flags and ignores them.",
        _READS,
        _llama_uses_it,
    ),
    Check(
        "GPU-006",
        "The models fit on the card",
        Outcome.FAIL,
        "the plan fits with the reserve",
        "The planner computes every part from the files' headers before anything starts. Fitting only without the "
        "reserve is a warning.",
        frozenset({Section.CARD}),
        _models_fit,
    ),
)
