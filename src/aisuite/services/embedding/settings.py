"""What the embedding service reads from its environment."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aisuite.services.common import ServiceSettings


class EmbeddingSettings(ServiceSettings):
    """Settings of the embedding service."""

    embedding_backend: Literal["hash"] = "hash"
    embedding_model: str = "hash-384"
    embedding_max_texts: int = Field(default=1024, ge=1)
    embedding_max_chars: int = Field(default=8000, ge=1)
