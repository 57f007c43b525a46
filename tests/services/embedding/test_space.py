"""What makes vectors comparable."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aisuite.services.embedding.backend import ModelCard

CARD = ModelCard("fastembed", "e5", 384, 512, "query: ", "passage: ", "mean")


@pytest.mark.parametrize(
    "change",
    [
        {"backend": "llamacpp"},
        {"model": "e5-large"},
        {"dim": 768},
        {"query_prefix": ""},
        {"passage_prefix": ""},
        {"pooling": "cls"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changes_a_vector_changes_its_space(change: dict[str, Any]) -> None:
    assert replace(CARD, **change).space != CARD.space


def test_a_limit_of_tokens_leaves_vectors_comparable() -> None:
    assert replace(CARD, max_tokens=64).space == CARD.space
