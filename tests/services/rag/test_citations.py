"""What an answer cites is compared to what its model was shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.services.rag.citations import check_citations
from tests.services.rag.harness import Stack, say


@pytest.mark.parametrize(
    ("answer", "right", "wrong"),
    [
        ("매일 합니다 [1].", [1], []),
        ("A [2][1], B [2, 3].", [2, 1], [3]),
        ("Nothing.", [], []),
        ("[0] [99] [1234] [x]", [], [0, 99]),
        ("list[1]", [1], []),
    ],
)
def test_citations_are_those_of_shown_sources_and_all_others(answer: str, right: list[int], wrong: list[int]) -> None:
    assert check_citations(answer, [1, 2]) == (right, wrong)


@given(st.text(), st.lists(st.integers(0, 5)))
def test_a_right_citation_was_shown_and_none_is_told_twice(answer: str, shown: list[int]) -> None:
    right, wrong = check_citations(answer, shown)
    assert set(right) <= set(shown)
    assert not set(wrong) & set(shown)
    assert len({*right, *wrong}) == len(right) + len(wrong)


def test_an_answer_tells_what_it_cites_and_that_it_is_not_to_be_trusted(stack: Stack) -> None:
    stack.index({"id": "note", "text": "백업은 매일 합니다."})
    stack.gateway.answers = [say("매일 [1] 또는 [7]")] * 2
    answer = stack.query("백업은 언제?").json()
    assert (answer["citations"], answer["unsupported_citations"]) == ([1], [7])
    assert (answer["found"], answer["untrusted"]) == (True, True)
    streamed = stack.query("백업은 언제?", stream=True, cache=False).text
    assert '"citations": [1], "unsupported_citations": [7], "untrusted": true' in streamed


def test_an_answer_from_no_document_says_so(stack: Stack) -> None:
    stack.index({"id": "note", "text": "백업은 매일 합니다."})
    answer = stack.query("quarterly revenue forecast").json()
    assert (answer["found"], answer["untrusted"], answer["citations"], answer["sources"]) == (False, False, [], [])
    assert stack.gateway.asked == []


def test_what_was_said_before_is_repeated_and_begins_with_the_user(stack: Stack) -> None:
    stack.index({"id": "note", "text": "백업은 매일 합니다."})
    said = [
        {"role": "assistant", "content": "네"},
        {"role": "user", "content": "안녕"},
        {"role": "assistant", "content": "네"},
    ]
    stack.query("백업은 언제?", history=said)
    assert [message["role"] for message in stack.gateway.asked[-1]["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


def test_of_a_long_conversation_only_the_end_is_repeated(stack: Stack) -> None:
    stack.index({"id": "note", "text": "백업은 매일 합니다."})
    said = [{"role": "user", "content": f"{number} " + "말 " * 100} for number in range(20)]
    assert stack.query("백업은 언제?", history=said).status_code == 200
    repeated = stack.gateway.asked[-1]["messages"][1:-1]
    assert 0 < len(repeated) < 5
    assert repeated[-1] == said[-1]


@pytest.mark.parametrize(
    "turn", [{"role": "system", "content": "x"}, {"role": "user", "content": ""}, {"role": "user"}]
)
def test_a_conversation_cannot_give_the_model_orders(stack: Stack, turn: dict[str, str]) -> None:
    assert stack.query("백업?", history=[turn]).status_code == 422
