"""The names of documents and chunks."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from aisuite.services.rag.identity import content_checksum, document_id, point_id

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.tuples(TEXT, TEXT, TEXT, st.integers(0, 50))


@given(NAMES, NAMES)
def test_two_chunks_have_the_same_id_only_if_they_are_the_same(
    one: tuple[str, str, str, int], other: tuple[str, str, str, int]
) -> None:
    assert (point_id(*one) == point_id(*other)) == (one == other)


def test_the_id_of_a_chunk_is_fixed_for_all_time() -> None:
    assert UUID(point_id("docs", "a.md", "c0ffee", 3)) == UUID("c4102d5d-f6a3-5ef4-acb4-469513618ac7")


def test_a_document_without_an_id_is_named_by_its_source_else_by_its_text() -> None:
    assert document_id("notes/a.md", "text") == "notes/a.md"
    assert document_id(None, "text") == document_id(None, "text") != document_id(None, "other")


def test_anything_a_document_is_made_of_changes_its_checksum() -> None:
    seen = {content_checksum("text", 512, 100, None, "t", meta) for meta in ({}, {"a": 1}, {"a": "1"})}
    assert len(seen | {content_checksum("text", 512, 50, None, "t", {})}) == 4
    assert content_checksum("", {"a": 1, "b": 2}) == content_checksum("", {"b": 2, "a": 1})
