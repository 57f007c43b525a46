"""Which model answers which question."""

from __future__ import annotations

import pytest

from aisuite.services.rag.model_choice import ModelChoice

CHOICE = ModelChoice(chat="chat-7b", code="code-7b")


@pytest.mark.parametrize(
    "question",
    [
        "파이썬으로 파일을 읽는 함수를 짜줘",
        "이 코드를 설명해줘",
        "버그는 어디에 있나요?",
        "정규 표현식이란?",
        "Fix this Python bug",
        "Why does the traceback end in main?",
        "what does render() return",
        "C++에서 메모리를 어떻게 해제하나요?",
        "```\nx = 1\n``` 이게 뭐야?",
    ],
)
def test_questions_about_code_go_to_the_code_model(question: str) -> None:
    assert CHOICE.for_question(question) == "code-7b"


@pytest.mark.parametrize(
    "question",
    [
        "바코드 가격은 얼마인가요?",
        "코드네임이 무엇이었나요?",
        "함수율이 높은 나무는?",
        "백업은 언제 실행되나요?",
        "If the class starts at nine, let me know for how long",
        "Which unicode characters are allowed?",
        "What did the barcode cost?",
        "Who debugs-not?",
    ],
)
def test_parts_of_other_words_and_everyday_words_do_not(question: str) -> None:
    assert CHOICE.for_question(question) == "chat-7b"
