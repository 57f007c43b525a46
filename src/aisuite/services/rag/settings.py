"""What the RAG service reads from its environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AnyHttpUrl, Field, model_validator

from aisuite.services.common import ServiceSettings

Seconds = Annotated[float, Field(gt=0)]
Pause = Annotated[float, Field(ge=0)]


class RagSettings(ServiceSettings):
    """Settings of the RAG service. Sizes of chunks and contexts are in estimated tokens (see `tokens.py`)."""

    qdrant_url: AnyHttpUrl
    qdrant_timeout: Seconds = 30
    qdrant_max_retries: int = Field(default=3, ge=1)
    qdrant_retry_min_wait: Pause = 2
    qdrant_retry_max_wait: Pause = 10

    embedding_url: AnyHttpUrl
    embedding_timeout: Seconds = 30

    # Only asked for the length of their contexts; without them RAG_CONTEXT_TOKENS counts.
    inference_chat_url: AnyHttpUrl | None = None
    inference_code_url: AnyHttpUrl | None = None

    reranker_url: AnyHttpUrl | None = None
    reranker_timeout: Seconds = 10

    api_gateway_url: AnyHttpUrl
    api_gateway_key_file: Path
    api_gateway_chat_model: str = "chat-7b"
    api_gateway_code_model: str = "code-7b"

    rag_llm_timeout: Seconds = 120
    rag_llm_max_tokens: int = Field(default=256, ge=1)
    rag_llm_temperature: float = Field(default=0.3, ge=0, le=2)
    rag_context_tokens: int = Field(default=1024, ge=128)

    rag_topk: int = Field(default=4, ge=1, le=50)
    # To hash-384 nine in ten unrelated pairs are less alike than 0.08. Learned models rate all pairs higher.
    rag_min_score: float = Field(default=0.12, ge=-1, le=1)
    # A chunk that is found by words alone must hold this share of those in the question.
    rag_min_words: float = Field(default=0.1, ge=0, le=1)
    # Below this share of a question's words, weighed by rarity, its answer is that the documents hold none.
    # Unset: 0.4 with hash embeddings, which know no meaning; 0 with learned ones, which were not measured.
    rag_min_support: float | None = Field(default=None, ge=0, le=1)
    # Words know names and numbers, and hash embeddings little more than words: see benchmarks/rag.
    rag_word_weight: float = Field(default=2.0, gt=0, le=100)
    rag_rerank_candidates: int = Field(default=20, ge=1, le=50)
    rag_chunk_size: int = Field(default=512, ge=32, le=1500)
    rag_chunk_overlap: int = Field(default=100, ge=0)

    rag_analytics_questions: bool = False
    rag_cache_entries: int = Field(default=500, ge=0)
    rag_cache_seconds: Seconds = 3600
    rag_data_dir: Path
    rag_documents_dir: Path | None = None
    rag_max_request_bytes: int = Field(default=128 * 2**20, ge=1024)
    rag_max_document_bytes: int = Field(default=64 * 2**20, ge=1)

    @model_validator(mode="after")
    def _check_room(self) -> Self:
        if self.rag_chunk_overlap > self.rag_chunk_size // 2:
            raise ValueError(
                f"RAG_CHUNK_OVERLAP={self.rag_chunk_overlap} is more than half of RAG_CHUNK_SIZE={self.rag_chunk_size}"
            )
        if self.rag_llm_max_tokens >= self.rag_context_tokens:
            raise ValueError(
                f"RAG_LLM_MAX_TOKENS={self.rag_llm_max_tokens} leaves nothing of "
                f"RAG_CONTEXT_TOKENS={self.rag_context_tokens} for the question"
            )
        return self
