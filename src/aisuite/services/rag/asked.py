"""Which questions were asked: their number, and their text only where the owner wants it."""

from __future__ import annotations

from collections import deque

from pydantic import BaseModel

_RECENT = 100


class AskedQuestion(BaseModel):
    """A question that was asked."""

    question: str
    collection: str
    chunks: int


class Asked:
    """Remember questions since the start."""

    def __init__(self, *, with_text: bool) -> None:
        self._with_text = with_text
        self.questions = 0
        self.found = 0
        self.recent: deque[AskedQuestion] = deque(maxlen=_RECENT)

    def note(self, question: str, collection: str, chunks: int) -> None:
        """Note a question and how many chunks were found for it."""
        self.questions += 1
        self.found += chunks > 0
        if self._with_text:
            self.recent.append(AskedQuestion(question=question, collection=collection, chunks=chunks))
