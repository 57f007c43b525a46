"""What a process on the card costs beside llama.cpp's buffers, before it was measured here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.vram.model import Overhead

if TYPE_CHECKING:
    from aisuite.vram.model import Card

_MIB = 2**20
# CUDA's context grows with the card's multiprocessors (SM): fitted to what was reported for a Tesla K80, an RTX 4060 Ti
# (34 SM, 107 MiB: llama.cpp PR 23604), an RTX 3090 (82 SM, 256 MiB) and an RTX PRO 6000 (188 SM, 555 MiB).
_CONTEXT = 45 * _MIB
_CONTEXT_PER_SM = 2.7 * _MIB
_POOL = 20 * _MIB  # cuBLAS and the pool after a first prompt: a guess, until it is measured here
_SM_PER_GIB = 5  # of cards that are not here: from 3 (RTX 4050, 4060) to 5 (RTX 3070, 4080, 4090)
_MOST_SM = 192


def estimated_overhead(card: Card) -> Overhead:
    """Return a process's share of a card by rule of thumb."""
    if card.multiprocessors is not None:
        count, known = card.multiprocessors, f"{card.multiprocessors} SM"
    else:
        count = min(_MOST_SM, max(1, round(card.total / 2**30 * _SM_PER_GIB)))
        known = f"{count} SM assumed for a card of this size"
    size = _CONTEXT + round(_CONTEXT_PER_SM * count) + _POOL
    return Overhead(size, f"45 MiB + 2.7 MiB per SM ({known}) + 20 MiB for cuBLAS and the pool, a rule of thumb")
