"""Chunks that the embedding model can read to their end.

Chunks are cut by an estimate, and a model's own tokenizer may make more of a text: what is over its limit would be
left out of the vector, and could be found by words alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from aisuite.services.rag.chunking import Chunk, split_text
from aisuite.services.rag.tokens import estimate_tokens

_AT_ONCE = 64
_SMALLEST = 1  # estimated tokens: what is still too long then is so by its titles, not by itself
_SAFETY = 0.9
_TITLE_CHARS = 300
_TITLE_SHARE = 4  # titles take at most a fourth of what the model reads, if a character is a token

Count = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True)
class Limit:
    """How many tokens the model reads, and who counts them. Without a limit nothing is counted."""

    tokens: int | None
    count: Count

    @property
    def title_chars(self) -> int:
        """How much of the titles stands before a chunk."""
        return _TITLE_CHARS if self.tokens is None else min(_TITLE_CHARS, self.tokens // _TITLE_SHARE)


def fit_chunks(chunks: Iterator[Chunk], show: Callable[[Chunk], str], limit: Limit) -> Iterator[Chunk]:
    """Cut chunks again that are over a limit as they are shown to the model; the others stay as they are."""
    if limit.tokens is None:
        yield from chunks
        return
    while batch := list(islice(chunks, _AT_ONCE)):
        yield from _fit(batch, show, limit, limit.tokens)


def _fit(chunks: Sequence[Chunk], show: Callable[[Chunk], str], limit: Limit, most: int) -> Iterator[Chunk]:
    for chunk, tokens in zip(chunks, limit.count([show(chunk) for chunk in chunks]), strict=True):
        estimated = estimate_tokens(chunk.text)
        if tokens <= most or estimated <= _SMALLEST:
            yield chunk
        else:
            size = max(_SMALLEST, int(min(estimated / 2, estimated * most / tokens * _SAFETY)))
            yield from _fit(list(_halve(chunk, size)), show, limit, most)


def _halve(chunk: Chunk, size: int) -> Iterator[Chunk]:
    for part in split_text(chunk.text, size, 0, program=True):
        yield Chunk(chunk.start + part.start, chunk.start + part.end, part.text, chunk.titles)
