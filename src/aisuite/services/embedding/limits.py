"""What is refused: too many texts, too long a text, a text with nothing in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import WithJsonSchema

from aisuite.services.common import ServiceError

_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")  # JSON may hold "\ud800" alone; UTF-8 cannot

# What `Limits` checks, with messages of its own, as far as a schema can say it.
Text = Annotated[str, WithJsonSchema({"type": "string", "minLength": 1, "pattern": r"\S"})]


@dataclass(frozen=True)
class Limits:
    """The most that one request may hold; nothing over it is ever cut."""

    texts: int
    chars: int

    def check(self, texts: Sequence[str], param: str) -> None:
        """Raise `ServiceError` naming the first text that cannot be embedded; `param` is the field's name."""
        if len(texts) > self.texts:
            raise ServiceError(
                413,
                f"{param} holds {len(texts)} texts, more than EMBEDDING_MAX_TEXTS={self.texts}; send them in parts",
                code="too_many_texts",
                param=param,
            )
        for index, text in enumerate(texts):
            self._check_text(text, f"{param}[{index}]")

    def _check_text(self, text: str, place: str) -> None:
        if len(text) > self.chars:
            message = f"{place} has {len(text)} characters, more than EMBEDDING_MAX_CHARS={self.chars}; split it"
            raise ServiceError(422, message, code="text_too_long", param=place)
        if not text.strip():
            raise ServiceError(422, f"{place} is empty", code="empty_text", param=place)
        if _LONE_SURROGATE.search(text):
            message = f"{place} is not text: it holds half of a surrogate pair"
            raise ServiceError(422, message, code="invalid_text", param=place)
