"""No chunk is longer than the embedding model reads, and nothing is lost by that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.services.embedding.hashing import HashBackend
from aisuite.services.rag.chunking import Chunk, split_text
from aisuite.services.rag.fitting import Limit, fit_chunks
from tests.services.rag.harness import Stack

WORDS = st.text(st.sampled_from("ab 가나.\n#x"), max_size=600)
LONGEST = 24


def count_bytes(texts: Sequence[str]) -> list[int]:
    return [len(text.encode()) for text in texts]


def fit(text: str, tokens: int | None, titles: str = "") -> list[Chunk]:
    return list(fit_chunks(split_text(text, 128, 32), lambda one: titles + one.text, Limit(tokens, count_bytes)))


@given(WORDS)
def test_no_chunk_is_over_the_limit_of_a_model_that_makes_a_token_of_each_byte(text: str) -> None:
    assert all(len(chunk.text.encode()) <= LONGEST for chunk in fit(text, LONGEST))


@given(WORDS)
def test_every_character_that_is_not_blank_is_in_a_chunk_at_its_place(text: str) -> None:
    chunks = fit(text, LONGEST)
    covered = {at for chunk in chunks for at in range(chunk.start, chunk.end)}
    assert all(at in covered for at, letter in enumerate(text) if letter.strip())
    assert all(text[chunk.start : chunk.end] == chunk.text for chunk in chunks)


@given(WORDS)
def test_chunks_that_fit_stay_as_they_are(text: str) -> None:
    assert fit(text, 10_000) == fit(text, None) == list(split_text(text, 128, 32))


def test_titles_count_and_are_cut_where_the_model_reads_little() -> None:
    assert Limit(512, count_bytes).title_chars == 128
    assert Limit(None, count_bytes).title_chars == 300
    assert all(len(chunk.text) <= LONGEST - 8 for chunk in fit("word " * 90, LONGEST, "titles: "))


def test_a_model_without_a_limit_is_not_asked_to_count(stack: Stack) -> None:
    stack.index({"id": "a", "text": "가나다 " * 900})
    assert stack.count_requests("embedding", "tokenize") == 0


def test_chunks_are_counted_by_the_model_and_stored_shorter(
    make_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HashBackend, "card", replace(HashBackend.card, max_tokens=32))
    stack = make_stack(rag_chunk_size=200, rag_chunk_overlap=0)
    text = " ".join(f"word{at}" for at in range(120))
    counts = stack.index({"id": "a", "text": text})
    hits = stack.retrieve("word7 word50 word119", topk=50, method="sparse")
    assert counts["chunks"] >= 4
    assert len(hits) == 3
    assert all(len(hit["text"].split()) < 32 for hit in hits)
    assert stack.count_requests("embedding", "tokenize") > 0
