"""What llama.cpp builds do differently when they plan memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aisuite.vram.model import LlamaBuild


@dataclass(frozen=True, slots=True)
class Rules:
    """One rule set. Numbers of pull requests are those of ggml-org/llama.cpp."""

    label: str
    since: int  # the first b-number they are used for
    output_is_a_layer: bool = True  # PR 18148: the output goes to the card first, and -ngl counts it
    flash_auto: bool = True  # PR 15434: -fa auto, on where the card can
    half_masks: bool = True  # with flash attention masks are born as f16; before, cast on the card
    reserves_each_slot: bool = True  # the reserved batch has tokens of every slot, in a unified cache, too
    padded_cells: bool = True  # contexts are whole multiples of 256 with and without flash attention
    embedding_paths: int = 2  # PR 18550: tokens, raw embeddings; since the mixed batches of 2026 a third
    rotated_cache: bool = True  # PR 21038: a quantised cache is rotated
    flash_scratch: bool = True  # PR 23907: flash attention's f16 copies of a quantised cache are in the buffer
    outputs_per_slot: bool = True  # PR 23861: llama-server needs a row of logits per slot, not per token
    fused_experts: bool = True  # ggml-cuda keeps what its fused kernels for experts read (ggml 0.25)
    trims_reused: bool = True  # a result in the place of a larger one gives the rest back


OLD = Rules(
    "llama.cpp 2025-08",
    since=0,
    output_is_a_layer=False,
    flash_auto=False,
    half_masks=False,
    reserves_each_slot=False,
    padded_cells=False,
    embedding_paths=1,
    rotated_cache=False,
    flash_scratch=False,
    outputs_per_slot=False,
    fused_experts=False,
    trims_reused=False,
)
MID = Rules("llama.cpp 0.5 (2026-06)", since=9700)
NEW = Rules("llama.cpp 0.7 (b11669)", since=11064, embedding_paths=3)
# Between the builds that were measured: what their source says (2026-04: b8672); the bounds are those of builds seen.
_LATE_2025 = replace(OLD, label="llama.cpp 2025-10", since=6325, flash_auto=True)
_EARLY_2026 = replace(
    MID,
    label="llama.cpp 2026-04",
    since=7500,
    half_masks=False,
    flash_scratch=False,
    outputs_per_slot=False,
    fused_experts=False,
)
RULES = (OLD, _LATE_2025, _EARLY_2026, MID, NEW)
_MEASURED = (OLD, MID, NEW)
_NEWEST_SEEN = 11669


def rules_of(build: LlamaBuild) -> tuple[Rules, str | None]:
    """Return the rules for a build, and what is to be said about the choice."""
    if build.number is None:
        return NEW, f"the llama.cpp build is unknown ({build.label}): planned with the newest rules, {NEW.label}"
    rules = max((one for one in RULES if one.since <= build.number), key=lambda one: one.since)
    if build.number > _NEWEST_SEEN:
        return rules, f"{build.label} is newer than the newest rules: planned with those of {rules.label}"
    if rules not in _MEASURED:
        return rules, f"no build near {build.label} was measured: planned with what is known of {rules.label}"
    return rules, None
