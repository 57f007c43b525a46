"""Memory, clock, Windows around it, and the software that comes with the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.preflight.model import Check, Judgement, Outcome, note, well
from aisuite.preflight.snapshot import Section
from aisuite.preflight.versions import SQLITE_WAL_BUG, parse_version
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from aisuite.preflight.snapshot import Snapshot

_MIB = 2**20
# At rest the demo suite's take 34, 353, 72, 49 and 57 MiB; the rest is for work. A model server has its file beside
# this, and keeps finished prompts.
_NEEDED = {
    Role.INFERENCE: 512 * _MIB,
    Role.GATEWAY: 512 * _MIB,
    Role.RAG: 192 * _MIB,
    Role.EMBEDDING: 128 * _MIB,
    Role.VECTORDB: 256 * _MIB,
}
_EARLIEST = 1_767_225_600  # 2026-01-01, before which this program did not exist
_MOST_WRONG = 30.0  # seconds


def _memory_suffices(snapshot: Snapshot) -> Judgement | None:
    free = snapshot.machine.free_memory
    if free is None:
        return note("nobody says how much memory is free")
    if _unknown(snapshot):
        return note("what is needed is known when the model files are here")
    running = {one.service for one in snapshot.ports if one.ours}
    to_start = [one for one in snapshot.stack.services if one.name not in running]
    files = {one.model: one.bytes or 0 for one in snapshot.models} | dict(snapshot.card.in_ram)
    models = sum(
        files.get(one.model, 0) for one in snapshot.stack.models if one.service in {each.name for each in to_start}
    )
    needed = models + sum(_NEEDED[one.role] for one in to_start)
    words = f"{free // _MIB} MiB are free, {needed // _MIB} needed by what does not run yet"
    if needed <= free:
        return well(words)
    return Judgement(words, fix="aisuite plan --what-if context=1024   # or smaller models, fewer services")


def _unknown(snapshot: Snapshot) -> bool:
    return any(one.bytes is None and not one.made_here for one in snapshot.models)


def _models_fit_their_containers(snapshot: Snapshot) -> Judgement | None:
    if not snapshot.in_containers or _unknown(snapshot):
        return None
    files = {one.model: one.bytes or 0 for one in snapshot.models}
    tight = []
    for model in snapshot.stack.models:
        service = snapshot.stack.service(model.service)
        needed = files.get(model.model, 0) + _NEEDED[Role.INFERENCE]
        if service.memory is not None and not service.gpu and needed > service.memory.bytes:
            tight.append(f"{service.name} may take {service.memory}, its model needs {needed // _MIB} MiB")
    if tight:
        return Judgement("models larger than their container's limit", None, "aisuite config show models", tuple(tight))
    return well("every model fits in the limit of its container")


def _memory_of_engine(snapshot: Snapshot) -> Judgement | None:
    memory = snapshot.docker.memory
    if not snapshot.in_containers or not memory:
        return None
    limits = sum(one.memory.bytes for one in snapshot.stack.services if one.memory is not None)
    words = f"the engine has {memory // _MIB} MiB, the limits of all containers are {limits // _MIB}"
    if limits <= memory:
        return well(words)
    return Judgement(words, fix="aisuite config show   # then lower memory limits, or give the engine's machine more")


def _is_no_wsl1(snapshot: Snapshot) -> Judgement:
    if snapshot.machine.wsl == 1:
        return Judgement(f"kernel {snapshot.machine.kernel}", fix="wsl --set-version <distribution> 2")
    return well(f"kernel {snapshot.machine.kernel or 'unknown'}")


def _knows_wsl2(snapshot: Snapshot) -> Judgement | None:
    if snapshot.machine.wsl != 2:
        return None
    return note(
        "the driver tells no memory per process, and lends the card RAM of Windows when it is full", "aisuite gpu"
    )


def _clock_is_right(snapshot: Snapshot) -> Judgement:
    machine, web = snapshot.machine, snapshot.web
    if machine.now < _EARLIEST:
        return Judgement(
            "it is set to a time before this program was made", Outcome.FAIL, "sudo timedatectl set-ntp true"
        )
    if web.ahead is not None:
        ahead = f"{abs(web.ahead):.0f} s {'ahead of' if web.ahead > 0 else 'behind'} a server's"
        right = abs(web.ahead) <= _MOST_WRONG
        return well(ahead) if right else Judgement(ahead, fix="sudo timedatectl set-ntp true")
    if machine.clock_kept is None:
        return note("nobody says whether a time service keeps it; --online asks a server")
    return (
        well("kept by a time service") if machine.clock_kept else note("no time service keeps it", "timedatectl status")
    )


def _network_answers(snapshot: Snapshot) -> Judgement | None:
    web = snapshot.web
    if not web.asked:
        return None
    return Judgement(web.fault, fix="env | grep -i proxy") if web.fault else well("the hub of the models answers")


def _sqlite_is_sound(snapshot: Snapshot) -> Judgement:
    version = parse_version(snapshot.machine.sqlite)
    if version is None or not SQLITE_WAL_BUG.holds(version):
        return well(f"SQLite {snapshot.machine.sqlite or 'unknown'}")
    return note(f"SQLite {snapshot.machine.sqlite}: {SQLITE_WAL_BUG.why}; nothing here writes a database twice at once")


_MACHINE = frozenset({Section.MACHINE})
CHECKS = (
    Check(
        "MEMORY-001",
        "Memory for what will start",
        Outcome.WARN,
        "model files as far as they are not on a card, and what each service needs, in what is free now",
        "With less, the kernel ends the largest process, which is a model server. What runs already counts as started.",
        frozenset({Section.MACHINE, Section.MODELS, Section.CARD, Section.PORTS}),
        _memory_suffices,
    ),
    Check(
        "MEMORY-002",
        "Models fit in their containers",
        Outcome.FAIL,
        "the file and 512 MiB within the container's limit, for servers on the CPU",
        "A server whose file does not fit reads it from the disk again for every token.",
        frozenset({Section.MODELS}),
        _models_fit_their_containers,
    ),
    Check(
        "MEMORY-003",
        "The engine's memory",
        Outcome.NOTE,
        "at least the limits of all containers together",
        "Limits are upper bounds that are rarely reached together, so this is a note.",
        frozenset({Section.DOCKER}),
        _memory_of_engine,
    ),
    Check(
        "WSL-001",
        "Not WSL 1",
        Outcome.FAIL,
        "Linux itself, or WSL 2",
        "WSL 1 has no kernel of its own: no card, no control groups, no containers.",
        _MACHINE,
        _is_no_wsl1,
    ),
    Check(
        "WSL-002",
        "What WSL 2 does not tell",
        Outcome.NOTE,
        "to know it",
        "Figures per process do not exist there, so aisuite measures the whole card before and after each start. A "
        "full card spills into RAM: nothing fails, everything is ten times slower.",
        _MACHINE,
        _knows_wsl2,
    ),
    Check(
        "CLOCK-001",
        "The clock is right",
        Outcome.WARN,
        "kept by a time service; with --online, at most 30 s from a server's",
        "Certificates and signatures are refused by a machine that believes to be in another year.",
        frozenset({Section.MACHINE, Section.WEB}),
        _clock_is_right,
    ),
    Check(
        "NET-001",
        "The network answers",
        Outcome.WARN,
        "the hub that models come from (asked with --online only)",
        "Only fetching needs it; a suite that is complete runs without any network.",
        frozenset({Section.WEB}),
        _network_answers,
    ),
    Check(
        "SQLITE-001",
        "SQLite is sound",
        Outcome.NOTE,
        "3.51.3 or later",
        "Versions 3.7.0 to 3.51.2 can lose a part of their journal when two connections write at the same moment.",
        _MACHINE,
        _sqlite_is_sound,
    ),
)
