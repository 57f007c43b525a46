"""The words of the planner: a model's shape, a server's flags, and the bytes they cost. Sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from aisuite.units import Mib

KvType = Literal["f16", "bf16", "f32", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]
FlashAttention = Literal["auto", "on", "off"]
ALL_LAYERS = 999  # more than any model has


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor as the header names it; its data is never read."""

    name: str
    shape: tuple[int, ...]  # ne0 first: the length of a row
    type: str  # ggml's name: "F32", "Q4_K"
    bytes: int  # of its data, unpadded
    offset: int = 0  # from the start of its file
    part: int = 0  # which file of a split model


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What a model's header says about the memory it will need. Per-layer values have one entry for each layer."""

    architecture: str
    name: str
    layers: int  # block_count; llama.cpp counts the output as one more
    embedding: int
    feed_forward: tuple[int, ...]
    heads: tuple[int, ...]
    kv_heads: tuple[int, ...]
    key_length: int  # of one head
    value_length: int
    vocabulary: int
    trained_context: int
    window: int | None  # of sliding-window attention, in tokens
    windowed: tuple[bool, ...]  # which layers use it; no header says that, each architecture has its pattern
    experts: int
    experts_used: int
    expert_feed_forward: int
    tensors: tuple[Tensor, ...]
    file_bytes: int  # all parts
    assumed: tuple[str, ...] = ()  # what the header does not say, in words

    @property
    def tied(self) -> bool:
        """Whether the token embedding doubles as the output."""
        return all(tensor.name != "output.weight" for tensor in self.tensors)


@dataclass(frozen=True, slots=True)
class ServerFlags:
    """The flags of one llama-server that decide its memory, with llama-server's own defaults where we set none."""

    context: int  # -c
    batch: int = 2048  # -b
    ubatch: int = 512  # -ub
    parallel: int = 1  # -np
    gpu_layers: int = ALL_LAYERS  # -ngl; the output layer counts as one
    kv_k: KvType = "f16"  # -ctk
    kv_v: KvType = "f16"  # -ctv
    flash_attention: FlashAttention = "auto"  # -fa
    kv_unified: bool = False  # -kvu; off as soon as -np is given
    kv_offload: bool = True  # off: -nkvo
    swa_full: bool = False
    embedding: bool = False  # every token has an output
    every_output: bool = False  # a row of logits for each token: llama-cli, llama-fit-params, servers before 2026-06


@dataclass(frozen=True, slots=True)
class LlamaBuild:
    """Which llama.cpp runs: rules of memory differ. `number` is the b-number of a release, None when unknown."""

    number: int | None
    label: str  # as the image or the binary says it

    def __str__(self) -> str:
        return self.label


@dataclass(frozen=True, slots=True)
class Parts:
    """Buffers on one device, in bytes, as llama.cpp names them."""

    model: int = 0
    kv: int = 0
    compute: int = 0
    output: int = 0  # the host only

    @property
    def total(self) -> int:
        """All of them."""
        return self.model + self.kv + self.compute + self.output


@dataclass(frozen=True, slots=True)
class Memory:
    """What one server allocates: on the card and in RAM. CUDA's own context is in neither (`Overhead`)."""

    device: Parts
    host: Parts


@dataclass(frozen=True, slots=True)
class Overhead:
    """What a process on the card costs beside its buffers: CUDA's context, cuBLAS, the pool."""

    bytes: int
    source: str  # in words: "45 MiB + 2.7 MiB per SM, 20 SMs", "measured here on 2026-11-21"
    measured: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """The card that a plan is for."""

    name: str
    total: int
    free: int  # what others leave, by NVML; equal to total for a card that is not here
    here: bool  # false: only a size, from --gpu-memory or the profile's budget
    index: int = 0
    multiprocessors: int | None = None


class Verdict(StrEnum):
    """Whether a plan fits: within budget and reserve, only without the reserve, or not at all."""

    FITS = "fits"
    TIGHT = "tight"
    NO = "no"

    @property
    def in_words(self) -> str:
        """What the models do."""
        return {"fits": "fit", "tight": "fit only without the reserve", "no": "do not fit"}[self.value]


Prefer = Literal["chat-speed", "context", "balance"]


@dataclass(frozen=True, slots=True)
class Demand:
    """One model server as the profile asks for it, with what the planner may choose itself."""

    model: str  # its name in the profile
    shape: ModelShape
    flags: ServerFlags  # of a fixed `gpu_layers`; where it is open, the highest wish (ALL_LAYERS)
    layers_open: bool = False  # gpu_layers: auto
    kv_choices: tuple[KvType, ...] = ()  # other KV types the profile allows, best first
    context_floor: int | None = None  # the smallest context the profile allows; None: exactly flags.context
    parallel_floor: int | None = None  # the fewest slots it allows; None: exactly flags.parallel
    weight: float = 1.0  # share of the traffic, for `balance`
    fixed_by: str = "as the profile says"  # why its layers are not open, in words
    card: int | None = None  # the index of the card on which it must be; None: any


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of a card a plan may use. The limit is the smallest of: free, the budget, 90 % of the card."""

    card: Card
    wanted: Mib | None  # the profile's gpu.budget or --gpu-memory
    reserve: Mib
    host_free: int | None = None  # RAM that is available, bytes; None: not looked at

    @property
    def law(self) -> int:
        """The most that servers may take of the card: below 90 %."""
        return (self.card.total * 9 - 1) // 10

    @property
    def granted(self) -> int:
        """What others leave and the owner allows."""
        return self.card.free if self.wanted is None else min(self.card.free, self.wanted.bytes)

    @property
    def limit(self) -> int:
        """What the servers may take together when the reserve is given up."""
        return min(self.granted, self.law)

    @property
    def room(self) -> int:
        """What they may take so that the reserve stays free of what is granted; the law's tenth may hold it, too."""
        return min(self.granted - self.reserve.bytes, self.law)


@dataclass(frozen=True, slots=True)
class Share:
    """What one server gets."""

    model: str
    shape: ModelShape
    flags: ServerFlags  # final
    memory: Memory
    overhead: Overhead
    why: str  # in words: "24 of 28 layers; one more would leave 85 MiB, below the reserve of 200"
    card: int = 0  # index of its card

    @property
    def layers(self) -> int:
        """Layers on the card, without the output."""
        return max(0, min(self.flags.gpu_layers - 1, self.shape.layers))

    @property
    def device_bytes(self) -> int:
        """All that it takes of the card."""
        return self.memory.device.total + self.overhead.bytes


@dataclass(frozen=True, slots=True)
class VramPlan:
    """How one card is shared. `limit` is what the servers may take together, before the reserve.

    Of several cards, `cards` has the plan of each; then limit, shares and verdict are of all, the budget of the first.
    """

    budget: Budget
    build: LlamaBuild
    rules: str  # the rule set that was used, in words
    limit: int
    shares: tuple[Share, ...]  # in the profile's order
    verdict: Verdict
    reasons: tuple[str, ...]  # of the verdict; for NO the parts that do not fit
    remedy: str | None  # the smallest change that makes it fit, as a line of the profile or a flag
    notes: tuple[str, ...] = ()
    cards: tuple[VramPlan, ...] = ()

    @property
    def by_card(self) -> tuple[VramPlan, ...]:
        """The plan of each card."""
        return self.cards or (self,)

    @property
    def where(self) -> str:
        """The cards by name."""
        return ", ".join(plan.budget.card.name for plan in self.by_card)

    @property
    def fits(self) -> bool:
        """Whether it fits with its reserve."""
        return self.verdict is Verdict.FITS

    @property
    def is_too_much(self) -> bool:
        """Whether it does not fit at all."""
        return self.verdict is Verdict.NO

    @property
    def used(self) -> int:
        """What all servers take of the card together."""
        return sum(share.device_bytes for share in self.shares)

    @property
    def left(self) -> int:
        """What stays free of the limit; negative when it does not fit."""
        return self.limit - self.used

    @property
    def gpu_layers(self) -> dict[str, int]:
        """-ngl of each model."""
        return {share.model: share.flags.gpu_layers for share in self.shares}
