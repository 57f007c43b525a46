"""The laws of the hash backend."""

from __future__ import annotations

import math
import os
import struct
import subprocess
import sys
import unicodedata
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.services.embedding.hashing import HashBackend, split_words

BACKEND = HashBackend()


def embed(*texts: str) -> list[list[float]]:
    return BACKEND.embed(texts).vectors


def likeness(one: str, other: str) -> float:
    first, second = embed(one, other)
    return sum(a * b for a, b in zip(first, second, strict=True))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60), max_size=5))
def test_every_text_becomes_one_unit_vector(texts: list[str]) -> None:
    vectors = embed(*texts)
    assert len(vectors) == len(texts)
    for vector in vectors:
        assert len(vector) == BACKEND.card.dim
        assert math.isclose(math.sqrt(sum(value * value for value in vector)), 1.0, abs_tol=1e-5)


def test_the_vector_of_a_text_is_fixed_for_all_time() -> None:
    (vector,) = embed("스택은 aisuite up 명령으로 시작합니다.")
    assert sha256(struct.pack("<384f", *vector)).hexdigest()[:16] == "8f8320802a2936ed"


@pytest.mark.process
def test_the_vector_does_not_depend_on_the_hash_seed_of_the_process() -> None:
    program = (
        "from aisuite.services.embedding.hashing import HashBackend as B;print(B().embed(['고양이 cat']).vectors[0])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert said == {f"{embed('고양이 cat')[0]}\n"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GPU Memory", "gpu memory"),
        ("ＧＰＵ", "GPU"),
        ("한국어", unicodedata.normalize("NFD", "한국어")),
        ("Straße", "STRASSE"),
    ],
)
def test_unicode_forms_and_letter_case_do_not_matter(one: str, other: str) -> None:
    assert embed(one) == embed(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("스택은", "스택을"), ("서비스에서", "서비스가"), ("백업했습니다", "백업합니다"), ("chunking", "chunks")],
)
def test_forms_of_one_word_are_near_and_other_words_are_not(one: str, other: str) -> None:
    assert likeness(one, other) > 0.3
    assert abs(likeness(one, "바다거북")) < 0.2


def test_a_particle_glued_to_a_latin_word_leaves_the_word_whole() -> None:
    assert split_words("RAG서비스를 Docker로") == ["rag", "서비스를", "docker", "로"]


def test_text_without_letters_is_embedded_too() -> None:
    assert likeness("!!!", "???") < 0.9


def test_queries_and_passages_are_treated_alike() -> None:
    assert BACKEND.card.prefix("query") == BACKEND.card.prefix("passage") == ""


def test_the_count_of_tokens_is_the_count_of_words() -> None:
    assert BACKEND.embed(["one two two", "셋"]).tokens == [3, 1]
