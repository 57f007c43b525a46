"""The prefixes that models were trained with, and who reads English only."""

from __future__ import annotations

import pytest

from aisuite.services.embedding.known_models import Prefixes, choose_prefixes, reads_english_only


@pytest.mark.parametrize(
    ("model", "query", "passage"),
    [
        ("intfloat/multilingual-e5-small", "query: ", "passage: "),
        ("Qwen3-Embedding-0.6B-Q8_0", "Instruct: ", ""),
        ("BAAI/bge-small-en-v1.5", "Represent this sentence", ""),
        ("hash-384", "", ""),
        ("somebody/home5-large", "", ""),
    ],
)
def test_a_model_gets_the_prefixes_of_its_kind(model: str, query: str, passage: str) -> None:
    usual = choose_prefixes(model, None, None)
    assert usual.passage == passage
    assert usual.query.startswith(query)
    assert bool(usual.query) == bool(query)


def test_the_owner_has_the_last_word_on_prefixes() -> None:
    assert choose_prefixes("intfloat/e5-base", "ask: ", "none") == Prefixes("ask: ", "")


def test_only_models_for_english_are_warned_of() -> None:
    assert reads_english_only("BAAI/bge-small-en-v1.5")
    assert not reads_english_only("intfloat/multilingual-e5-small")
    assert not reads_english_only("Qwen/Qwen3-Embedding-0.6B")
