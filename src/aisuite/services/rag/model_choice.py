"""Which model answers when the caller names none: one rule, on the question alone.

The retrieved text plays no part: documents about software would send every question to the code model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ENGLISH = (
    "algorithms?|bash|bugs?|codebase|code|coding|compiler?|css|debug(?:ging|ger)?|dockerfile|functions?|golang|"
    "html|javascript|java|json|kotlin|linter|makefile|programming|pytest|python|refactor(?:ing)?|regexp?|rust|"
    "segfault|shell scripts?|snippet|sql|stack ?trace|syntax|traceback|typescript|unit tests?|yaml"
)
_KOREAN = (
    "단위 ?테스트|디버그|디버깅|리팩터링|리팩토링|버그|스크립트|알고리즘|예외 ?처리|자바|자바스크립트|정규식|"
    "정규 ?표현식|컴파일|컴파일러|코드|코딩|타입스크립트|파이썬|프로그래밍|함수"
)
# What may follow a Korean noun and leave it the same noun.
_PARTICLES = (
    "이?란|이?라는|이?나|이?며|이?고|은|는|이|가|을|를|의|에|에서|에는|에게|으?로|으?로는|와|과|도|만|들|들을|들이|들은|"
    "부터|까지|마다|처럼|보다|좀|요|인가요?|인지|입니다|이에요|예요|하기|하는|해|해줘|해주세요|하려면|하나요"
)
_CODE = re.compile(
    rf"(?<![\w-])(?:{_ENGLISH})(?![A-Za-z0-9_-])"
    rf"|(?<!\w)(?:{_KOREAN})(?:{_PARTICLES})?(?!\w)"
    r"|```|\b\w+\(\)|\bc\+\+|\bc#",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ModelChoice:
    """The two routes of the gateway that RAG chooses between."""

    chat: str
    code: str

    def for_question(self, question: str) -> str:
        """Choose the code model for a question that speaks of code, else the chat model."""
        return self.code if _CODE.search(question) else self.chat
