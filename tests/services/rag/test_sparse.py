"""The laws of sparse vectors."""

from __future__ import annotations

import unicodedata
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.services.rag.sparse import asked_terms, encode_document, encode_query, share_of_terms


def terms(text: str) -> set[int]:
    return set(encode_query(text).indices)


def numbers(*words: str) -> set[int]:
    return {crc32(word.encode()) for word in words}


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_terms_are_unique_32_bit_numbers_with_positive_weights(text: str) -> None:
    for vector in (encode_document(text[:9], text), encode_query(text)):
        assert len(set(vector.indices)) == len(vector.indices) == len(vector.values)
        assert all(0 <= index < 2**32 for index in vector.indices)
        assert all(value > 0 for value in vector.values)


def test_latin_words_are_whole_and_korean_words_are_pairs() -> None:
    assert terms("Docker 스택연결은") == numbers("docker", "스택", "택연", "연결")


def test_a_word_of_both_scripts_is_split_between_them() -> None:
    assert terms("RAG서비스 v1.2") == numbers("rag", "서비", "비스", "v1", "2")


@pytest.mark.parametrize(
    ("one", "other"), [("스택은", "스택을"), ("데이터베이스에", "데이터베이스의"), ("東京都", "東京")]
)
def test_words_share_terms_whatever_particle_follows(one: str, other: str) -> None:
    assert terms(one) & terms(other)


def test_endings_that_close_every_sentence_are_no_terms() -> None:
    assert terms("설치합니다") == numbers("설치", "치합")
    assert not terms("어디입니까") & terms("메모입니다")


def test_one_character_is_a_term_of_its_own() -> None:
    assert terms("키 b") == numbers("키", "b")


def test_words_that_every_question_has_are_asked_for_by_none_and_stay_in_documents() -> None:
    assert terms("What is the port of the gateway?") == numbers("port", "gateway")
    assert terms("포트는 무엇인가요?") & terms("포트를 알려주세요") == numbers("포트")
    assert encode_query("What is it?").indices == []
    assert numbers("what") <= set(encode_document("", "What").indices)


@pytest.mark.parametrize(
    ("question", "searched"),
    [
        ("failover는", ["failover"]),
        ("백업은", ["백업"]),
        ("서버에서 RAG를", ["서버", "rag"]),
        ("GPU에게", ["gpu"]),
        ("나이가 은", ["나이"]),
        ("사과", ["사과"]),
    ],
)
def test_a_question_is_asked_without_its_particles(question: str, searched: list[str]) -> None:
    assert terms(question) == numbers(*searched)


def test_a_particle_stays_in_a_document_so_that_a_noun_that_ends_like_one_is_found() -> None:
    assert terms("고양이") <= set(encode_document("", "고양이는 잔다").indices)


def test_a_word_of_the_title_weighs_more_than_one_of_the_text() -> None:
    def weight(word: str) -> float:
        vector = encode_document("Failover", "When a server dies, failover begins.")
        return vector.values[vector.indices.index(crc32(word.encode()))]

    assert weight("failover") > weight("server") > 0


def test_a_word_weighs_more_in_a_short_text_than_in_a_long_one() -> None:
    short, long = (encode_document("", "word " + "other " * others) for others in (10, 500))
    assert short.values[short.indices.index(crc32(b"word"))] > long.values[long.indices.index(crc32(b"word"))]


def test_the_share_of_words_is_that_of_the_question() -> None:
    assert share_of_terms(asked_terms("gateway port number"), "The gateway has a PORT.") == 2 / 3
    assert share_of_terms(asked_terms("what is it"), "it is") == 0


def test_unicode_forms_and_letter_case_do_not_matter() -> None:
    assert terms("ＧＰＵ 한국") == terms("gpu " + unicodedata.normalize("NFD", "한국"))


def test_repetition_counts_less_and_less_in_documents_and_not_at_all_in_questions() -> None:
    once, twice, often = (encode_document("", "word " * times).values[0] for times in (1, 2, 50))
    assert once < twice < 2 * once
    assert twice < often < 2.2
    assert encode_query("word " * 50).values == [1.0]


def test_signs_alone_have_no_terms() -> None:
    assert encode_query("?! …").indices == []
