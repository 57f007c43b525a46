"""What the embedding service reads from its environment."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import AnyHttpUrl, Field, model_validator

from aisuite.services.common import ServiceSettings
from aisuite.services.embedding.backend import BackendName


class EmbeddingSettings(ServiceSettings):
    """Settings of the embedding service."""

    embedding_backend: BackendName = "hash"
    embedding_model: str = "hash-384"

    # fastembed: a folder with tokenizer.json and model.onnx needs no network; else models are kept in the cache.
    embedding_model_path: Path | None = None
    embedding_cache_dir: Path | None = None
    embedding_download: bool = False
    embedding_pooling: Literal["mean", "cls", "last"] | None = None
    embedding_threads: int | None = Field(default=None, ge=1)

    # llamacpp: a llama-server that was started with --embedding.
    embedding_llama_url: AnyHttpUrl | None = None
    embedding_llama_key_file: Path | None = None
    embedding_llama_timeout: float = Field(default=25, gt=0)

    # Unset: what the model is known to want. The word "none" stands for no prefix, as an empty variable is unset.
    embedding_query_prefix: str | None = None
    embedding_passage_prefix: str | None = None

    embedding_max_texts: int = Field(default=1024, ge=1)
    embedding_max_chars: int = Field(default=8000, ge=1)
    embedding_max_tokens: int | None = Field(default=None, ge=8)  # below the model's own limit
    embedding_batch: int = Field(default=32, ge=1, le=1024)
    embedding_queue: int = Field(default=4096, ge=1)

    @model_validator(mode="after")
    def _check_queue(self) -> Self:
        if self.embedding_queue < self.embedding_max_texts:
            raise ValueError(
                f"EMBEDDING_QUEUE={self.embedding_queue} cannot hold one request of "
                f"EMBEDDING_MAX_TEXTS={self.embedding_max_texts}"
            )
        return self

    @model_validator(mode="after")
    def _check_server(self) -> Self:
        if self.embedding_backend == "llamacpp" and self.embedding_llama_url is None:
            raise ValueError("EMBEDDING_BACKEND=llamacpp needs EMBEDDING_LLAMA_URL, a llama-server with --embedding")
        return self
