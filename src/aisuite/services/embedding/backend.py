"""What turns texts into vectors."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Literal, NamedTuple, Protocol

from aisuite.services.common import ServiceError, StartError

Kind = Literal["query", "passage"]
BackendName = Literal["hash", "fastembed", "llamacpp"]


class UnknownModel(StartError):
    """The backend has no model of the configured name."""

    exit_code = 2


class ModelUnready(Exception):
    """The model cannot be loaded at present; the text says why."""


class BackendFailed(ServiceError):
    """The model gave no vectors: the same request may work later."""

    def __init__(self, reason: str) -> None:
        message = f"the model is unavailable: {reason}"
        super().__init__(503, message, code="model_unavailable", headers={"Retry-After": "5"})


class Embedded(NamedTuple):
    """The vectors of a batch and its tokens, both in the order of its texts, and which texts the model saw cut."""

    vectors: list[list[float]]
    tokens: list[int]
    truncated: tuple[int, ...] = ()


@dataclass(frozen=True)
class ModelCard:
    """What a model is. Vectors may be compared only where `space` is the same."""

    backend: BackendName
    model: str  # the name under which its vectors are stored
    dim: int
    max_tokens: int | None = None  # of one text, its prefix included; None: no limit
    query_prefix: str = ""
    passage_prefix: str = ""
    pooling: str | None = None  # None: the model's own
    normalize: bool = True  # every vector has length 1

    def prefix(self, kind: Kind) -> str:
        """Return what the model wants before each text of a kind."""
        return self.query_prefix if kind == "query" else self.passage_prefix

    @cached_property
    def space(self) -> str:
        """A short name for everything that vectors depend on, beside the text."""
        parts = (self.backend, self.model, self.dim, self.query_prefix, self.passage_prefix, self.pooling)
        return sha256(json.dumps(parts).encode()).hexdigest()[:16]


class Backend(Protocol):
    """An embedding model that is ready."""

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        ...

    @property
    def quick_chars(self) -> int:
        """How much text is embedded sooner than a thread gets its turn."""
        ...

    def embed(self, texts: Sequence[str]) -> Embedded:
        """Give one vector per text, prefixes already in place; called from one thread at a time.

        Raises `BackendFailed`.
        """
        ...

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, prefixes already in place, also of what is over the limit.

        Called from several threads. Raises `BackendFailed`.
        """
        ...

    def state(self) -> str:
        """Return "ok", or why it cannot embed now; may take a second."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


Opener = Callable[[], Backend]
