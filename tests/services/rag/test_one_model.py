"""A collection holds vectors of one space: what is compared must have been made in the same way."""

from __future__ import annotations

import pytest

from aisuite.services.common import ServiceError
from aisuite.services.rag.embedder import ModelCard
from aisuite.services.rag.library import check_model
from aisuite.services.rag.store import Collection

STORED = Collection(name="notes", chunks=3, model="e5", dim=384, space="0123")


@pytest.mark.parametrize(
    "card",
    [
        ModelCard(model="bge", dim=384, space="0123"),
        ModelCard(model="e5", dim=768, space="0123"),
        ModelCard(model="e5", dim=384, space="4567"),  # another backend, pooling, or prefix
    ],
)
def test_another_model_width_or_prefix_is_refused_with_what_to_do(card: ModelCard) -> None:
    with pytest.raises(ServiceError) as refused:
        check_model(STORED, card)
    assert (refused.value.status, refused.value.code) == (409, "embedding_model_mismatch")
    for words in ("collection 'notes'", "run e5 again", "DELETE /collections/notes"):
        assert words in refused.value.message


@pytest.mark.parametrize("stored", [STORED, Collection(name="new", chunks=0, model=None, dim=384, space=None)])
def test_the_model_of_a_collection_and_an_empty_collection_are_welcome(stored: Collection) -> None:
    check_model(stored, ModelCard(model="e5", dim=384, space="0123"))
