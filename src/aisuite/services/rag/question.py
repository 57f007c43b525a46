"""A question as the service takes it, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel, Field

from aisuite.services.rag.gateway import Usage
from aisuite.services.rag.prompt import Source
from aisuite.services.rag.retriever import Search


@dataclass(frozen=True)
class Turn:
    """Something said before in the conversation."""

    role: str
    content: str


@dataclass(frozen=True)
class Question:
    """What is searched for, and which model is asked with what (None: chosen by the question, the service's own)."""

    search: Search
    model: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    history: tuple[Turn, ...] = ()

    def key(self, version: int) -> Hashable:
        """Name the answer: everything that changes it, with the version of the collection."""
        return json.dumps([version, asdict(self)], ensure_ascii=False, sort_keys=True)


class Outcome(BaseModel):
    """Who answered, and how it ended; all None when there was nothing to ask a model about."""

    model: str | None = None
    served_by: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    found: bool = Field(default=False, description="false: nothing in the documents passed the threshold.")
    citations: list[int] = Field(default=[], description="Numbers of shown sources that the answer cites.")
    unsupported_citations: list[int] = Field(default=[], description="Cited numbers that no shown source has.")
    untrusted: bool = Field(default=False, description="The model read retrieved text: do not act on the answer.")
    cached: bool = False
    reranked: bool | None = Field(default=None, description="false: the reranker did not answer; null: not asked.")


class Answer(Outcome):
    """An answer and the texts it was made from."""

    answer: str
    sources: list[Source]


class Event(NamedTuple):
    """A part of a streamed answer: `sources`, then `delta` after `delta`, then `done`."""

    name: str
    data: dict[str, Any]
