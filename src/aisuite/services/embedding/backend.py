"""What turns texts into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

Kind = Literal["query", "passage"]


class Embedded(NamedTuple):
    """The vectors of a batch in the order of its texts, and the tokens the model saw."""

    vectors: list[list[float]]
    tokens: int


class Backend(Protocol):
    """An embedding model that is ready; `embed` may be called from any thread."""

    @property
    def model(self) -> str:
        """The name under which the vectors of this model are stored."""
        ...

    @property
    def dim(self) -> int:
        """The length of every vector."""
        ...

    @property
    def normalize(self) -> bool:
        """Whether every vector has length 1."""
        ...

    def embed(self, texts: Sequence[str], kind: Kind) -> Embedded:
        """Give one vector per text; `kind` tells models that need to know which side of a search it is."""
        ...
