"""What is in force in a running llama-server, read from its log and from its own answers; pure parsing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, get_args

from aisuite.vram.build import build_number
from aisuite.vram.model import ALL_LAYERS, KvType, LlamaBuild, Parts, ServerFlags

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BufferKind = Literal["model", "kv", "compute", "output"]

_NUMBER = r"(\d{1,12}(?:\.\d{1,6})?)"
_BUFFER = re.compile(rf"(\S+) +(model|KV|compute|output) buffer size = +{_NUMBER} MiB")
_OFFLOADED = re.compile(r"offloaded (\d{1,6})/(\d{1,6}) layers to GPU")
_CONTEXT = re.compile(r"llama_context: (n_ctx|n_ctx_seq|n_ctx_per_seq|n_seq_max|n_batch|n_ubatch) += (\d{1,12})\b")
_CACHE = re.compile(r"K \((\w{2,8})\):.*V \((\w{2,8})\):")
_FLASH = re.compile(r"Flash Attention (?:was auto, set to )?(enabled|disabled)|flash_attn += (enabled|disabled|0|1)\b")
_NO_CARD = re.compile(r"no usable GPU found.*")
_HOST = re.compile(r"CPU|AMX|BLAS|HBM|KLEIDIAI|.*_Host")


@dataclass(frozen=True, slots=True)
class Buffer:
    """One line of the load log. The log rounds to hundredths of a MiB."""

    device: str  # "CUDA0", "CUDA_Host", "CPU_Mapped"
    kind: BufferKind
    bytes: int

    @property
    def on_card(self) -> bool:
        """Whether it takes memory of a card."""
        return not _HOST.match(self.device)


@dataclass(frozen=True, slots=True)
class InForce:
    """What a server really does. None is what it did not tell."""

    slots: int | None = None
    slot_context: int | None = None  # tokens that one request may use
    context: int | None = None  # cells, of all slots together
    batch: int | None = None
    ubatch: int | None = None
    offloaded: int | None = None  # layers on the card, the output counted
    layers: int | None = None  # that the model has, the output counted
    kv_k: str | None = None
    kv_v: str | None = None
    flash_attention: bool | None = None
    no_card: str | None = None  # the line that says that the server found none
    buffers: tuple[Buffer, ...] = ()
    build: LlamaBuild | None = None

    @property
    def told(self) -> bool:
        """Whether the log still has the lines about memory."""
        return bool(self.buffers)

    @property
    def device(self) -> Parts:
        """What it allocated on the card."""
        return _parts(one for one in self.buffers if one.on_card)

    @property
    def host(self) -> Parts:
        """What it allocated in RAM."""
        return _parts(one for one in self.buffers if not one.on_card)


def _parts(buffers: Iterable[Buffer]) -> Parts:
    sums = dict.fromkeys(get_args(BufferKind), 0)
    for one in buffers:
        sums[one.kind] += one.bytes
    return Parts(**sums)


def parse_load_log(lines: Iterable[str]) -> InForce:
    """Read the log of one start; what comes later in it does not matter."""
    numbers: dict[str, int] = {}
    words: dict[str, Any] = {}
    buffers: list[Buffer] = []
    for line in lines:
        if found := _BUFFER.search(line):
            _take_buffer(buffers, found)
        elif found := _CONTEXT.search(line):
            numbers[found[1]] = int(found[2])
        elif found := _OFFLOADED.search(line):
            words |= {"offloaded": int(found[1]), "layers": int(found[2])}
        elif found := _CACHE.search(line):
            words |= {"kv_k": found[1], "kv_v": found[2]}
        elif found := _FLASH.search(line):
            words["flash_attention"] = (found[1] or found[2]) in {"enabled", "1"}
        elif found := _NO_CARD.search(line):
            words["no_card"] = found[0]
    return InForce(
        slots=numbers.get("n_seq_max"),
        slot_context=numbers.get("n_ctx_seq", numbers.get("n_ctx_per_seq")),
        context=numbers.get("n_ctx"),
        batch=numbers.get("n_batch"),
        ubatch=numbers.get("n_ubatch"),
        buffers=tuple(buffers),
        **words,
    )


def _take_buffer(buffers: list[Buffer], found: re.Match[str]) -> None:
    kind: BufferKind = "kv" if found[2] == "KV" else found[2]  # type: ignore[assignment]
    fresh = Buffer(found[1], kind, round(float(found[3]) * 2**20))
    if kind in {"compute", "output"}:
        # Planned again, a buffer replaces its predecessor; weights and caches come in several.
        buffers[:] = [one for one in buffers if (one.device, one.kind) != (fresh.device, kind)]
    buffers.append(fresh)


def with_answers(log: InForce, props: Mapping[str, Any] | None, slots: Sequence[Any] | None) -> InForce:
    """Add what the server answers at /props and /slots; its own word counts more than its log.

    None, or an answer of another form, adds nothing.
    """
    found: dict[str, Any] = {}
    if props is not None:
        settings = props.get("default_generation_settings")
        found["slots"] = _whole(props.get("total_slots"))
        found["slot_context"] = _whole(settings.get("n_ctx")) if isinstance(settings, dict) else None
        build = props.get("build_info")
        found["build"] = parse_build(build) if isinstance(build, str) else None
    if slots is not None:
        contexts = [_whole(slot.get("n_ctx")) for slot in slots if isinstance(slot, dict)]
        known = [context for context in contexts if context is not None]
        found |= {"slots": len(slots) or None, "slot_context": min(known, default=None)}
    return replace(log, **{name: value for name, value in found.items() if value is not None})


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def parse_build(label: str) -> LlamaBuild:
    """Return the build that calls itself so."""
    return LlamaBuild(build_number(label), label)


def parse_flags(argv: Sequence[str]) -> ServerFlags | None:
    """Read a rendered command line back; None when it names no context, so is not of a model server of ours."""
    given = dict(pairwise(argv))
    if not given.get("-c", "").isdecimal():
        return None
    flags: dict[str, Any] = {"context": int(given["-c"]), "kv_unified": "--kv-unified" in argv or "-kvu" in argv}
    for flag, name in _WHOLE_FLAGS.items():
        if given.get(flag, "").isdecimal():
            flags[name] = int(given[flag])
    for flag, name in _WORD_FLAGS.items():
        if flag in given:
            flags[name] = given[flag]
    return ServerFlags(**flags)


_WHOLE_FLAGS = {"-b": "batch", "-ub": "ubatch", "-np": "parallel", "-ngl": "gpu_layers"}
_WORD_FLAGS: dict[str, str] = {"-ctk": "kv_k", "-ctv": "kv_v", "-fa": "flash_attention"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was asked for."""

    what: str
    wanted: str
    found: str
    why: str = ""

    def __str__(self) -> str:
        because = f" ({self.why})" if self.why else ""
        return f"{self.what}: {self.wanted} asked for, {self.found} in force{because}"


_ROUNDING = 512  # tokens: a context is rounded up to whole cells, in each slot
_CACHE_TYPES = frozenset(get_args(KvType))


def compare(flags: ServerFlags, found: InForce) -> tuple[Difference, ...]:
    """Say what is in force and was not asked for; what the server did not tell is no difference."""
    return tuple(
        one
        for one in (
            _compare_layers(flags, found),
            _compare_context(flags, found),
            _compare_number("slots", flags.parallel, found.slots),
            _compare_cache("K cache", flags.kv_k, found.kv_k),
            _compare_cache("V cache", flags.kv_v, found.kv_v),
            _compare_flash(flags, found),
        )
        if one is not None
    )


def _compare_layers(flags: ServerFlags, found: InForce) -> Difference | None:
    if not found.told:
        return None
    wanted = flags.gpu_layers if found.layers is None else min(flags.gpu_layers, found.layers)
    if not found.offloaded and wanted and found.device.total == 0:
        return Difference("layers on the card", _layers(wanted), "none (it runs on the CPU)", found.no_card or "")
    if found.offloaded is None or found.offloaded == wanted:
        return None
    return Difference("layers on the card", str(wanted), f"{found.offloaded} of {found.layers}")


def _layers(number: int) -> str:
    return "all" if number >= ALL_LAYERS else str(number)


def _compare_context(flags: ServerFlags, found: InForce) -> Difference | None:
    wanted = flags.context if flags.kv_unified else flags.context // max(1, flags.parallel)
    if not wanted or found.slot_context is None or wanted <= found.slot_context < wanted + _ROUNDING:
        return None
    planned = found.context if flags.kv_unified else (found.context or 0) // max(1, flags.parallel)
    why = "the model was trained for no more" if planned and planned >= wanted > found.slot_context else ""
    return Difference("context of a slot", str(wanted), str(found.slot_context), why)


def _compare_number(what: str, wanted: int, found: int | None) -> Difference | None:
    return None if found in {None, wanted} else Difference(what, str(wanted), str(found))


def _compare_cache(what: str, wanted: str, found: str | None) -> Difference | None:
    if found is None or found == wanted or found not in _CACHE_TYPES:
        return None
    return Difference(what, wanted, found)


def _compare_flash(flags: ServerFlags, found: InForce) -> Difference | None:
    if flags.flash_attention == "auto" or found.flash_attention is None:
        return None
    if found.flash_attention == (flags.flash_attention == "on"):
        return None
    return Difference("flash attention", flags.flash_attention, "on" if found.flash_attention else "off")
