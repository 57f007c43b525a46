"""When an answer would have no ground to stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import httpx
import pytest
from anyio import run
from hypothesis import given
from hypothesis import strategies as st

from aisuite.services.rag.app import QDRANT
from aisuite.services.rag.rarity import Rarity
from aisuite.services.rag.sparse import asked_words
from aisuite.services.rag.support import share_supported
from aisuite.services.rag.upstream import Upstream
from tests.services.rag.harness import KEY, Stack

KILN = "The Torvald kiln reaches 1280 degrees. Its lid stays shut above 120 degrees."
CRANE = "The harbour committee chose the crane of Halvorsen."
BOILER = "보일러의 거름망은 한 달에 한 번 씻습니다."


@dataclass(frozen=True)
class Passage:
    text: str
    language: str = "en"
    title: str = ""


def judge(question: str, *passages: Passage, weights: dict[str, float] | None = None) -> float:
    words = asked_words(question)
    every = {term: 1.0 for word in words for term in word}
    return share_supported(words, every | (weights or {}), passages)


def test_a_text_that_holds_every_word_supports_an_answer_wholly() -> None:
    assert judge("Above which degrees does the lid stay shut?", Passage(KILN), weights={"stay": 0}) == 1


def test_a_rare_word_that_is_nowhere_counts_more_than_common_ones_that_are_there() -> None:
    rare = judge("warranty of the Torvald kiln", Passage(KILN), weights={"warranty": 6})
    assert rare < 0.4 < judge("lid of the Torvald kiln", Passage(KILN), weights={"lid": 6})


def test_two_texts_that_hold_half_each_support_more_than_one_of_them() -> None:
    question = "Torvald kiln and Halvorsen crane"
    assert judge(question, Passage(KILN)) == 0.5 < judge(question, Passage(KILN), Passage(CRANE)) == 0.75


def test_words_of_the_title_are_found_too() -> None:
    assert judge("kiln", Passage("It is hot.", title="Kiln")) == 1


def test_a_korean_word_is_not_missed_in_an_english_text_that_holds_the_name_that_is_asked_for() -> None:
    assert judge("Torvald를 수리하는 사람은?", Passage(KILN)) == 1
    assert judge("가마를 수리하는 사람은?", Passage(KILN)) == 0


@given(
    st.text(max_size=30),
    st.lists(st.text(max_size=30), max_size=3),
    st.floats(0, 20),
    st.sampled_from(["ko", "en", "und"]),
)
def test_support_is_a_share(question: str, texts: list[str], weight: float, language: str) -> None:
    words = asked_words(question)
    weights = {term: weight for word in words for term in word}
    assert 0 <= share_supported(words, weights, [Passage(text, language) for text in texts]) <= 1 + 1e-9


@pytest.fixture
def small(stack: Stack) -> Stack:
    stack.index(*({"id": str(at), "text": text} for at, text in enumerate((KILN, CRANE, BOILER))))
    return stack


@pytest.fixture
def filled(small: Stack) -> Stack:
    small.index(*({"id": f"ship {at}", "text": f"Ship {at} came in with the tide."} for at in range(60)))
    return small


def test_among_few_chunks_a_word_that_is_there_suffices(small: Stack) -> None:
    assert small.query("Where does the Torvald kiln stand, and who built it?").json()["found"]


def test_what_the_documents_do_not_hold_is_not_answered_though_they_speak_of_the_matter(filled: Stack) -> None:
    answer = filled.query("What is the warranty and the price of a kiln?").json()
    assert (answer["found"], answer["sources"], filled.gateway.asked) == (False, [], [])
    assert filled.retrieve("What is the warranty and the price of a kiln?")


@pytest.mark.parametrize("question", ["Which degrees does the Torvald kiln reach?", "보일러 거름망은 언제 씻나요?"])
def test_what_the_documents_hold_is_answered(filled: Stack, question: str) -> None:
    assert filled.query(question).json()["found"]


def test_a_search_tells_whether_it_would_be_answered_only_where_that_is_asked_for(filled: Stack) -> None:
    def supported(**more: bool) -> bool | None:
        body = {"query": "warranty and price of the kiln", "collection": "docs", **more}
        found: bool | None = filled.client.post("/retrieve", json=body).json()["supported"]
        return found

    before = filled.count_requests("qdrant", "query/batch")
    assert supported() is None
    assert filled.count_requests("qdrant", "query/batch") == before + 1
    assert supported(judge=True) is False


def test_the_owner_says_how_much_support_is_enough(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(rag_min_support=0)
    stack.index({"id": "a", "text": KILN})
    assert stack.query("What is the warranty and the price of a kiln?").json()["found"]


def test_the_weight_of_a_term_is_its_inverse_document_frequency(small: Stack) -> None:
    async def ask() -> dict[str, float]:
        headers = {"api-key": KEY}
        async with httpx.AsyncClient(transport=small.wires[QDRANT], base_url="http://x", headers=headers) as client:
            return await Rarity(Upstream(QDRANT, client)).weights("docs", ["kiln", "warranty"], 3)

    assert run(ask) == pytest.approx({"kiln": log(1 + 2.5 / 1.5), "warranty": log(1 + 3.5 / 0.5)}, rel=1e-3)
