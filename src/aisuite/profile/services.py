"""What the owner wants of the services beside the model servers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from pydantic import Field

from aisuite.profile.part import Part
from aisuite.profile.values import Count, Duration, Folder, ModelName, Name, Number, PlainText, Size
from aisuite.units import Mib, Seconds

EmbeddingBackend = Literal["hash", "fastembed", "llamacpp"]
HASH_MODEL = "hash-384"


class Service(Part):
    """What every service can be told."""

    enabled: bool = Field(True, strict=True, description="false leaves the service out of the stack.")
    depends_on: tuple[Name, ...] | None = Field(None, description="Services to wait for; none: the usual ones.")
    cpus: Number = Field(2.0, gt=0, description="CPU limit of the container; at most the cores that there are.")
    memory: Size = Field(Mib(512), description="Memory limit of the container.")
    deadline: Duration = Field(Seconds(60), description="How long the service may take to become ready.")


class Gateway(Service):
    """The LiteLLM proxy."""

    memory: Size = Field(Mib(1536), description="Memory limit of the container.")
    cooldown: Duration = Field(Seconds(5), description="How long a failing server is left alone.")
    health_interval: Duration = Field(Seconds(5), description="Time between background probes (one real token each).")
    health_timeout: Duration = Field(Seconds(5), description="When a background probe counts as failed.")
    deadline: Duration = Field(Seconds(120), description="How long the service may take to become ready.")


class Rag(Service):
    """The RAG service."""

    chunk_size: Count = Field(512, ge=32, le=1500, description="Tokens in a chunk.")
    chunk_overlap: int = Field(
        100, ge=0, le=750, strict=True, description="Tokens that neighbouring chunks share; at most half a chunk."
    )
    topk: Count = Field(4, le=50, description="Chunks given to the model.")
    min_score: Number | None = Field(
        None, ge=-1, le=1, description="Least likeness of a question and a chunk that is found by meaning; none: 0.12."
    )
    min_support: Number | None = Field(
        None,
        ge=0,
        le=1,
        description="Share of a question's words, by their rarity, that the chunks must hold for an answer; none: 0.4 "
        "with hash embeddings, 0 with others.",
    )
    reranker: ModelName | None = Field(None, description="Model that orders what was found, one that serves rerank.")
    max_tokens: Count = Field(256, description="Longest answer, in tokens.")
    temperature: Number = Field(0.3, ge=0, le=2, description="Temperature of answers.")
    chat_model: Name = Field("chat-7b", description="Route that answers questions.")
    code_model: Name = Field("code-7b", description="Route that answers questions about code.")
    documents: Folder | None = Field(None, description="Folder that `path` of POST /index may read; none: no folder.")


class Embedding(Service):
    """The embedding service."""

    backend: Literal["auto", "hash", "fastembed", "llamacpp"] = Field(
        "auto",
        description="hash: character n-grams, no download. fastembed: an ONNX model on the CPU. llamacpp: one of "
        "`models`, which serves embedding. auto: hash for its one model, llamacpp for a name in `models`, fastembed "
        "for any other.",
    )
    model: PlainText = Field(
        HASH_MODEL,
        description="hash: hash-384. fastembed: its name, such as intfloat/multilingual-e5-small. llamacpp: its name "
        "in `models`.",
    )
    folder: Folder | None = Field(
        None,
        description="fastembed: folder with the model's tokenizer.json, config.json and model.onnx; none: one of "
        "paths.models for a model that `aisuite models pull` knows how to fetch.",
    )
    download: bool = Field(
        False, strict=True, description="fastembed: the model may be fetched from Hugging Face at the first start."
    )
    pooling: Literal["mean", "cls", "last"] | None = Field(
        None, description="fastembed: how a model of `folder` that it does not know sums up a text; none: mean."
    )
    query_prefix: PlainText | None = Field(
        None,
        description="What stands before each query; none: what the model is known to want; the word none: nothing.",
    )
    passage_prefix: PlainText | None = Field(None, description="The same for passages.")
    threads: Count | None = Field(None, description="fastembed: CPU threads; none: all cores.")
    max_texts: Count = Field(1024, description="Texts in one request.")
    max_chars: Count = Field(8000, description="Characters in one text.")
    batch: Count = Field(32, le=1024, description="Texts that the model is given at once.")
    queue: Count = Field(4096, description="Texts that may wait, over all requests; more are answered with 429.")

    def chosen_backend(self, models: Collection[str]) -> EmbeddingBackend:
        """Return what `auto` stands for in a profile with these models, and any other as it is."""
        if self.backend != "auto":
            return self.backend
        if self.model == HASH_MODEL:
            return "hash"
        return "llamacpp" if self.model in models else "fastembed"


class VectorStore(Service):
    """Qdrant, or our own server of its API."""

    memory: Size = Field(Mib(2048), description="Memory limit of the container.")


class Services(Part):
    """The services beside the model servers. A phase decides which of them run."""

    api_gateway: Gateway = Field(Gateway(), alias="api-gateway", description="The OpenAI-compatible door.")
    rag: Rag = Field(Rag(), description="Answers questions from your documents.")
    embedding: Embedding = Field(Embedding(), description="Turns texts into vectors.")
    qdrant: VectorStore = Field(VectorStore(), description="Keeps the vectors.")
