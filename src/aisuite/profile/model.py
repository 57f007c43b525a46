"""The profile: what the owner wants, typed. Frozen; unknown keys are refused.

Field names are the keys of the YAML file. Service names keep their hyphens, as in Compose.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from aisuite.profile.text import check_file_name, check_image, check_name, check_plain, check_repo
from aisuite.units import MAX_PORT, Mib, Port, Seconds


def _size(value: Any) -> Mib:
    if isinstance(value, Mib):
        return value
    if not isinstance(value, str):
        raise ValueError(f'{value!r} is not a size; write it with a unit, for example "6GiB" or "512MiB"')  # noqa: TRY004
    return Mib.parse(value)


def _duration(value: Any) -> Seconds:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f'{value!r} is not a duration; write for example "60s"')  # noqa: TRY004
    return Seconds.parse(str(value))


def _positive(value: Seconds | Mib) -> Any:
    if value <= 0:
        raise ValueError("must be more than 0")
    return value


Size = Annotated[
    Mib,
    BeforeValidator(_size),
    AfterValidator(_positive),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)? ?[KMG]i?B?$", "examples": ["6GiB", "200MiB"]}),
]
Duration = Annotated[
    Seconds,
    BeforeValidator(_duration),
    AfterValidator(_positive),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h)?$"},
            ]
        }
    ),
]
PortNumber = Annotated[
    Port,
    BeforeValidator(lambda value: Port.parse(value) if type(value) is int else value),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_PORT}),
]
Name = Annotated[str, AfterValidator(check_name)]
PlainText = Annotated[str, AfterValidator(check_plain)]
FileName = Annotated[str, AfterValidator(check_file_name)]
Repo = Annotated[str, AfterValidator(check_repo)]
ImageRef = Annotated[str, AfterValidator(check_image)]
Count = Annotated[int, Field(ge=1, strict=True)]


class Part(BaseModel):
    """A piece of the profile: frozen, and strict about its keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        validate_default=True,
        arbitrary_types_allowed=True,
    )


class Gpu(Part):
    """The card that the models share. `backend: cpu` asks for no card."""

    backend: Literal["cuda", "rocm", "vulkan", "metal", "cpu"] = Field("cpu", description="What llama.cpp computes on.")
    device: int = Field(0, ge=0, strict=True, description="Index of the card, as nvidia-smi counts.")
    budget: Size | None = Field(None, description="How much of the card the suite may use; none: all of it.")
    reserve: Size = Field(Mib(200), description="What stays free of the budget, for the desktop and for peaks.")


class Source(Part):
    """Where a model file comes from: a Hugging Face repository, or made here (`demo: true`)."""

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

    temperature: float = Field(0.3, ge=0, le=2)
    top_p: float = Field(0.9, gt=0, le=1)
    repeat_penalty: float = Field(1.05, ge=0.5, le=2)


class Model(Part):
    """One llama.cpp server: the service `inference-<name>`."""

    source: Source
    context: Count = Field(1024, description="Tokens of context, shared by the slots (-c).")
    parallel: Count = Field(1, description="Slots: requests answered at the same time (-np).")
    batch: Count = Field(128, description="Tokens in one logical batch (-b).")
    threads: Literal["auto"] | Count = Field(
        "auto", description="CPU threads (-t); auto: the cores, divided between the servers."
    )
    kv_type: Literal["f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"] = Field(
        "f16", description="Type of the KV cache (-ctk, -ctv)."
    )
    gpu_layers: Literal["auto", "all"] | Annotated[int, Field(ge=0, strict=True)] = Field(
        "all",
        description="Layers on the card (-ngl). auto is for the planner, which this version does not have yet.",
    )
    sampling: Sampling = Sampling()
    cpus: float | None = Field(None, gt=0, description="CPU limit of the container.")
    memory: Size | None = Field(None, description="Memory limit of the container.")
    deadline: Duration = Field(Seconds(180), description="How long the server may take to load the model.")


class Service(Part):
    """What every service can be told."""

    enabled: bool = Field(True, strict=True, description="false leaves the service out of the stack.")
    depends_on: tuple[Name, ...] | None = Field(None, description="Services to wait for; none: the usual ones.")
    cpus: float | None = Field(None, gt=0, description="CPU limit of the container.")
    memory: Size | None = Field(None, description="Memory limit of the container.")
    deadline: Duration = Field(Seconds(60), description="How long the service may take to become ready.")


class Gateway(Service):
    """The LiteLLM proxy."""

    cooldown: Duration = Field(Seconds(5), description="How long a failing server is left alone.")
    health_interval: Duration = Field(Seconds(10), description="Time between background probes (one real token each).")
    health_timeout: Duration = Field(Seconds(5), description="When a background probe counts as failed.")
    deadline: Duration = Field(Seconds(120), description="How long the service may take to become ready.")


class Rag(Service):
    """The RAG service."""

    chunk_size: Count = Field(512, description="Tokens in a chunk.")
    chunk_overlap: int = Field(100, ge=0, strict=True, description="Tokens that neighbouring chunks share.")
    topk: Count = Field(4, description="Chunks given to the model.")
    max_tokens: Count = Field(256, description="Longest answer, in tokens.")
    temperature: float = Field(0.3, ge=0, le=2)
    chat_model: Name = Field("chat-7b", description="Route that answers questions.")
    code_model: Name = Field("code-7b", description="Route that answers questions about code.")
    documents: PlainText | None = Field(
        None, description="Folder that `path` of POST /index may read; none: no folder."
    )


class Embedding(Service):
    """The embedding service."""

    backend: Literal["hash"] = Field("hash", description="hash: character n-grams, no download.")
    model: PlainText = "hash-384"
    max_texts: Count = Field(1024, description="Texts in one request.")
    max_chars: Count = Field(8000, description="Characters in one text.")


class Services(Part):
    """The services beside the model servers. A phase decides which of them run."""

    api_gateway: Gateway = Field(Gateway(), alias="api-gateway")
    rag: Rag = Rag()
    embedding: Embedding = Embedding()
    qdrant: Service = Service()


class Timeouts(Part):
    """How long one caller waits for one answer."""

    request: Duration = Field(Seconds(60), description="A whole answer of a model server (LLM_REQUEST_TIMEOUT).")
    connect: Duration = Field(Seconds(10), description="A connection to a model server (LLM_CONNECT_TIMEOUT).")
    rag_request: Duration = Field(Seconds(120), description="A model's answer inside RAG (RAG_LLM_TIMEOUT).")
    qdrant: Duration = Seconds(30)
    embedding: Duration = Seconds(30)


class Retry(Part):
    """How often a failed call is tried again, and how long to wait between."""

    attempts: int = Field(3, ge=0, le=10, strict=True, description="Retries of the gateway for one request.")
    qdrant_attempts: int = Field(3, ge=0, le=10, strict=True)
    qdrant_min_wait: Duration = Seconds(2)
    qdrant_max_wait: Duration = Seconds(10)


class Paths(Part):
    """Folders; relative ones start at the working directory."""

    models: PlainText = Field("models", description="GGUF files.")
    data: PlainText | None = Field(None, description="What the services keep; none: <state>/<project>/data.")
    state: PlainText = Field(".aisuite", description="Rendered files, logs, keys: one folder for each project.")


class Images(Part):
    """Container images by version tag (and digest, when locked)."""

    llama: ImageRef = "ghcr.io/ggml-org/llama.cpp:server-b11669"
    llama_gpu: ImageRef = "ghcr.io/ggml-org/llama.cpp:server-cuda-b11669"
    gateway: ImageRef = "ghcr.io/berriai/litellm:v1.109.2"
    qdrant: ImageRef = "qdrant/qdrant:v1.17.0"
    service: ImageRef = "aisuite/service:0.1.0"


class Profile(Part):
    """One suite: phase, GPU budget, models, and everything that has a sensible default."""

    description: PlainText = ""
    extends: PlainText | None = Field(None, description="One parent profile: a shipped name or a path.")
    phase: Literal[1, 2, 3]
    engine: Literal["auto", "process", "docker"] = Field(
        "auto", description="auto: what this machine has; the first line of `up` says which and why."
    )
    bind: IPv4Address | IPv6Address = Field(IPv4Address("127.0.0.1"), description="Address that every port listens on.")
    gpu: Gpu = Gpu()
    models: dict[Name, Model] = Field(min_length=1)
    routes: dict[Name, Annotated[tuple[Name, ...], Field(min_length=1)]] = Field(
        min_length=1, description="Public model name -> models in the order in which they are tried."
    )
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    services: Services = Services()
    ports: dict[Name, PortNumber] = Field(
        default_factory=dict, description="Service -> host port; the usual ones are known."
    )
    paths: Paths = Paths()
    images: Images = Images()
