"""What is known of models by their names: the prefixes that they were trained with, and who reads English only."""

from __future__ import annotations

import re
from typing import NamedTuple

NO_PREFIX = "none"


class Prefixes(NamedTuple):
    """What stands before each query and each passage."""

    query: str = ""
    passage: str = ""


_PREFIXES = (
    # From the models' own cards.
    (re.compile(r"(^|[/_-])e5-"), Prefixes("query: ", "passage: ")),
    (
        re.compile(r"qwen3-embedding"),
        Prefixes(
            "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:",
        ),
    ),
    (re.compile(r"bge-(small|base|large)-en"), Prefixes("Represent this sentence for searching relevant passages: ")),
    (re.compile(r"nomic-embed-text"), Prefixes("search_query: ", "search_document: ")),
    (re.compile(r"embeddinggemma"), Prefixes("task: search result | query: ", "title: none | text: ")),
)
_ENGLISH = re.compile(r"bge-(small|base|large)-en|all-minilm-l\d+|-embeddings?-v?\d*-?\w*-en\b|gte-\w+-en")


def choose_prefixes(model: str, query: str | None, passage: str | None) -> Prefixes:
    """Return the prefixes that were configured; where None was, those of the model's kind."""
    usual = next((prefixes for name, prefixes in _PREFIXES if name.search(model.lower())), Prefixes())
    return Prefixes(_configured(query, usual.query), _configured(passage, usual.passage))


def reads_english_only(model: str) -> bool:
    """Whether a model is known to be of little use for other languages."""
    return _ENGLISH.search(model.lower()) is not None


def _configured(given: str | None, usual: str) -> str:
    if given is None:
        return usual
    return "" if given == NO_PREFIX else given
