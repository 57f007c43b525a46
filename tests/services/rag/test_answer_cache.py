"""When an answer is made again, and when not."""

from __future__ import annotations

from typing import Any

import pytest

from aisuite.services.rag.answer_cache import AnswerCache
from tests.services.rag.harness import Stack, say

NOTE = {"id": "note", "text": "백업은 매일 새벽 네 시에 합니다."}
OTHER = {"id": "other", "text": "고양이가 매트 위에 앉아 있습니다."}


def test_the_same_question_is_answered_once(stack: Stack) -> None:
    stack.index(NOTE)
    first, second = (stack.query("백업은 언제?").json() for _ in range(2))
    assert (first.pop("cached"), second.pop("cached")) == (False, True)
    assert first == second
    assert len(stack.gateway.asked) == 1


def test_a_streamed_answer_is_kept_too_and_streamed_again(stack: Stack) -> None:
    stack.index(NOTE)
    first = stack.query("백업은 언제?", stream=True).text
    assert stack.query("백업은 언제?").json()["cached"] is True
    again = stack.query("백업은 언제?", stream=True).text
    assert again.count("event: sources") == again.count("event: done") == 1
    assert '"cached": true' in again
    assert '"cached": false' in first


@pytest.mark.parametrize(
    "more",
    [
        {"topk": 2},
        {"method": "sparse"},
        {"model": "code-7b"},
        {"max_tokens": 9},
        {"temperature": 1},
        {"diversity": 0.5},
        {"filter": {"document_id": "note"}},
        {"history": [{"role": "user", "content": "안녕"}]},
        {"cache": False},
    ],
)
def test_whatever_changes_an_answer_makes_it_anew(stack: Stack, more: dict[str, Any]) -> None:
    stack.index(NOTE)
    stack.query("백업은 언제?")
    assert stack.query("백업은 언제?", **more).json()["cached"] is False


def test_a_change_of_the_collection_makes_answers_anew_and_an_unchanged_document_does_not(stack: Stack) -> None:
    stack.index(NOTE)
    stack.query("백업은 언제?")
    stack.index(NOTE)
    assert stack.query("백업은 언제?").json()["cached"] is True
    stack.index(OTHER)
    assert stack.query("백업은 언제?").json()["cached"] is False
    stack.client.delete("/collections/docs/documents/other")
    assert stack.query("백업은 언제?").json()["cached"] is False


def test_an_answer_that_was_cut_off_is_not_kept(stack: Stack) -> None:
    stack.index(NOTE)
    whole = say("답", finish_reason="length")
    stack.gateway.answers = [whole, whole]
    stack.query("백업은 언제?")
    assert stack.query("백업은 언제?").json()["cached"] is False


def test_least_used_and_old_answers_go() -> None:
    now = 0.0
    cache = AnswerCache[str](2, 10, clock=lambda: now)
    for name in ("a", "b"):
        cache.keep(name, name)
    assert cache.find("a") == "a"
    cache.keep("c", "c")
    assert (cache.find("b"), cache.find("a"), cache.find("c")) == (None, "a", "c")
    now = 11
    assert cache.find("a") is None
    stats = cache.stats()
    assert (stats.entries, stats.capacity, stats.hits, stats.misses, stats.evicted, stats.hit_rate) == (
        1,
        2,
        3,
        2,
        1,
        0.6,
    )


def test_a_cache_without_room_keeps_nothing() -> None:
    cache = AnswerCache[str](0, 10)
    cache.keep("a", "a")
    assert cache.find("a") is None
