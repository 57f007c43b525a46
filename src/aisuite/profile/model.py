"""The profile: what the owner wants, typed. Frozen; unknown keys are refused.

Field names are the keys of the YAML file. Service names keep their hyphens, as in Compose.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Annotated, Literal

from pydantic import Field

from aisuite.profile.backup import Backup
from aisuite.profile.drill import Drill
from aisuite.profile.part import Part
from aisuite.profile.services import Services
from aisuite.profile.values import (
    MOST,
    Address,
    CardIndex,
    Count,
    Duration,
    FileName,
    Folder,
    ImageRef,
    ModelName,
    Name,
    Number,
    Phase,
    PlainText,
    PortNumber,
    Repo,
    Size,
)
from aisuite.units import Mib, Seconds

KvType = Literal["f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]
PLAIN_KV_TYPES: frozenset[KvType] = frozenset({"f16", "bf16"})  # the others are quantised


class Gpu(Part):
    """The card that the models share. `backend: cpu` asks for no card."""

    backend: Literal["cuda", "rocm", "vulkan", "metal", "cpu"] = Field("cpu", description="What llama.cpp computes on.")
    device: CardIndex = Field(0, description="Index of the card, as nvidia-smi counts.")
    devices: Literal["auto"] | Annotated[tuple[CardIndex, ...], Field(min_length=1, max_length=16)] | None = Field(
        None,
        description="Cards that the models are placed on, each model whole on one of them, instead of `device`; "
        "auto: all that are here. Budget and reserve are of each card.",
    )
    budget: Size | None = Field(None, description="How much of the card the suite may use; none: all of it.")
    reserve: Size = Field(Mib(200), description="What stays free of the budget, for the desktop and for peaks.")
    cdi: Literal["auto"] | Annotated[bool, Field(strict=True)] = Field(
        "auto",
        description="Containers ask for the card by its CDI name (nvidia.com/gpu=0), not for NVIDIA's runtime. "
        "auto: where the engine lists that name.",
    )
    prefer: Literal["chat-speed", "context", "balance"] = Field(
        "chat-speed",
        description="What the planner gives memory to first. chat-speed: layers, model by model as listed here; "
        "context: the contexts that are asked for; balance: context gives way only for half of each model's layers.",
    )


class Source(Part):
    """Where a model file comes from: a Hugging Face repository, or made here (`demo: true`).

    A file without a repository is one that you put into paths.models yourself. `extends` replaces a source as one.
    """

    repo: Repo | None = Field(None, description="Hugging Face repository, owner/name.")
    file: FileName | None = Field(None, description="File name in the repository and in paths.models.")
    revision: PlainText = Field("main", description="Branch, tag or commit of the repository.")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="Expected digest of the file."
    )
    demo: bool = Field(
        False, strict=True, description="A tiny model that says one fixed sentence; written on this machine."
    )


class Sampling(Part):
    """Default sampling of a model server; a request can set its own."""

    temperature: Number = Field(0.3, ge=0, le=2, description="0: always the likeliest token.")
    top_p: Number = Field(0.9, gt=0, le=1, description="Share of the likeliest next tokens that are considered.")
    repeat_penalty: Number = Field(1.05, ge=0.5, le=2, description="Above 1: repeating itself costs.")


class Model(Part):
    """One llama.cpp server: the service `inference-<name>`."""

    source: Source = Field(description="Where the file comes from.")
    serves: Literal["chat", "embedding", "rerank"] = Field(
        "chat", description="What for: routes lead to chat models; the others work for services.embedding and RAG."
    )
    pooling: Literal["mean", "cls", "last"] | None = Field(
        None, description="How an embedding model sums up a text (--pooling); none: as its file says."
    )
    context: Count = Field(1024, description="Tokens of context, shared by the slots (-c).")
    parallel: Count = Field(1, le=256, description="Slots: requests answered at the same time (-np).")
    batch: Count = Field(128, description="Tokens in one logical batch (-b).")
    threads: Literal["auto"] | Count = Field(
        "auto", description="CPU threads (-t); auto: the cores, divided between the servers."
    )
    kv_type: KvType = Field("f16", description="Type of the KV cache (-ctk, -ctv).")
    flash_attention: Literal["auto", "on", "off"] = Field(
        "auto", description="Flash attention (-fa); a quantised kv_type needs it. auto: on where the device can."
    )
    context_min: Count | None = Field(
        None, description="The planner may lower the context to this, where gpu_layers is auto; none: never."
    )
    parallel_min: Count | None = Field(
        None, description="The planner may lower the slots to this, where gpu_layers is auto; none: never."
    )
    kv_types: tuple[KvType, ...] = Field(
        (), description="Types that the planner may take instead of kv_type, best first, where gpu_layers is auto."
    )
    gpu_layers: Literal["auto", "all"] | Annotated[int, Field(ge=0, le=MOST, strict=True)] = Field(
        "all",
        description="Layers on the card (-ngl), the output counted as one. auto: as many as fit, see `aisuite plan`.",
    )
    device: CardIndex | None = Field(
        None, description="The card of this model, one of gpu.devices; none: the planner's choice, or gpu.device."
    )
    sampling: Sampling = Field(Sampling(), description="Used where a request says nothing else.")
    cpus: Number | None = Field(None, gt=0, description="CPU limit of the container; none: one more than threads.")
    memory: Size = Field(
        Mib(8192),
        description="Memory limit of the container; on the CPU the model's file, its context and 512 MiB must fit.",
    )
    deadline: Duration = Field(Seconds(180), description="How long the server may take to load the model.")

    @property
    def logical_batch(self) -> int:
        """Tokens in one logical batch (-b); a model that serves no chat must see all of a slot at once."""
        return self.batch if self.serves == "chat" else max(self.batch, self.context // self.parallel)


class Timeouts(Part):
    """How long one caller waits for one answer."""

    request: Duration = Field(Seconds(60), description="A whole answer of a model server (LLM_REQUEST_TIMEOUT).")
    connect: Duration = Field(Seconds(10), description="A connection to a model server (LLM_CONNECT_TIMEOUT).")
    rag_request: Duration = Field(Seconds(120), description="A model's answer inside RAG (RAG_LLM_TIMEOUT).")
    qdrant: Duration = Field(Seconds(30), description="A call of the vector store (QDRANT_TIMEOUT).")
    embedding: Duration = Field(Seconds(30), description="A call of the embedding service (EMBEDDING_TIMEOUT).")


class Retry(Part):
    """How often a failed call is tried again, and how long to wait between."""

    attempts: int = Field(3, ge=0, le=10, strict=True, description="Retries of the gateway for one request.")
    qdrant_attempts: int = Field(
        3, ge=1, le=10, strict=True, description="Tries of a vector store call (QDRANT_MAX_RETRIES)."
    )
    qdrant_min_wait: Duration = Field(Seconds(2), description="Shortest wait between them (QDRANT_RETRY_MIN_WAIT).")
    qdrant_max_wait: Duration = Field(Seconds(10), description="Longest wait between them (QDRANT_RETRY_MAX_WAIT).")


class Paths(Part):
    """Folders; relative ones start at the working directory."""

    models: Folder = Field("models", description="GGUF files.")
    data: Folder | None = Field(None, description="What the services keep; none: .aisuite/<project>/data.")


class Images(Part):
    """Container images by version tag (and digest, when locked)."""

    llama: ImageRef = Field("ghcr.io/ggml-org/llama.cpp:server-b11669", description="Model server on the CPU.")
    llama_gpu: ImageRef = Field("ghcr.io/ggml-org/llama.cpp:server-cuda-b11669", description="Model server on a card.")
    llama_build: Count | None = Field(
        None, description="llama.cpp's build in these images, for the planner; none: read from a tag that ends in b<n>."
    )
    gateway: ImageRef = Field("ghcr.io/berriai/litellm:v1.109.2", description="LiteLLM.")
    qdrant: ImageRef = Field("qdrant/qdrant:v1.17.0", description="Vector store.")
    service: ImageRef = Field("aisuite/service:0.1.0", description="RAG and embedding.")
    service_base: ImageRef = Field(
        "python:3.13-slim",
        description="What `service` is made on, where it is made on this machine: an image with Python 3.11 or newer.",
    )


class Profile(Part):
    """One suite: phase, GPU budget, models, and everything that has a sensible default."""

    description: PlainText = Field("", description="One line for `aisuite profile list`.")
    extends: PlainText | None = Field(None, description="One parent profile: a shipped name or a path.")
    phase: Phase = Field(description="1: models and gateway; 2: and RAG; 3: as 2 in this version.")
    engine: Literal["auto", "process", "docker"] = Field(
        "auto", description="auto: what this machine has; the first line of `up` says which and why."
    )
    bind: Address = Field(IPv4Address("127.0.0.1"), description="Address that every port listens on.")
    gpu: Gpu = Field(Gpu(), description="The card that the models share.")
    models: dict[ModelName, Model] = Field(min_length=1, description="Name -> llama.cpp server `inference-<name>`.")
    routes: dict[Name, Annotated[tuple[Name, ...], Field(min_length=1)]] = Field(
        min_length=1, description="Public model name -> models in the order in which they are tried."
    )
    timeouts: Timeouts = Field(Timeouts(), description="How long a caller waits for an answer.")
    retry: Retry = Field(Retry(), description="How often a failed call is tried again.")
    restart_when_hung: bool = Field(
        True,
        strict=True,
        description="A model server, the gateway or a service of ours that gives no answer for 7 s is ended by its "
        "container's health check, and so started again; Qdrant in a container is not. Local processes are watched in "
        "the same way.",
    )
    services: Services = Field(Services(), description="The services beside the model servers.")
    ports: dict[Name, PortNumber] = Field(
        default_factory=dict, description="Service -> host port; the usual ones are known."
    )
    paths: Paths = Field(Paths(), description="Folders.")
    backup: Backup = Field(Backup(), description="Where `aisuite backup` puts backups, and which of them stay.")
    drill: Drill = Field(Drill(), description="How `aisuite failover-drill` breaks the suite, and what must hold.")
    images: Images = Field(Images(), description="Container images.")
