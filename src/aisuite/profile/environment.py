"""The environment variables: one table of names, the keys they set, and how their text is read.

This is the only place that knows the names. Precedence: flag > environment > `.env` > profile > default.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ALL_LAYERS = 999  # llama.cpp's custom for "all of them"


@dataclass(frozen=True, slots=True)
class Kind:
    """How a value is read from text, and written as text."""

    read: Callable[[str], object]  # raises ValueError
    write: Callable[[str], str] = str  # from the plain value as text


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable and the key that it sets; `*` in a key path stands for every model."""

    name: str
    path: tuple[str, ...]
    kind: Kind
    text: str
    group: str
    only_for: str = ""  # "files": models that are no demo models; "card": profiles whose gpu.backend is a card


def _whole(text: str) -> int:
    if not re.fullmatch(r"[-+]?[0-9]{1,18}", text):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def _number(text: str) -> float:
    if not re.fullmatch(r"[-+]?[0-9]{1,18}(\.[0-9]{0,18})?", text):
        raise ValueError(f"{text!r} is not a number")
    return float(text)


def _layers(text: str) -> object:
    if text in {"all", "auto"}:
        return text
    try:
        layers = _whole(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a number of layers; write all, {_ALL_LAYERS} (the same), or a number"
        ) from None
    return "all" if layers == _ALL_LAYERS else layers


TEXT = Kind(str)
WHOLE = Kind(_whole)
NUMBER = Kind(_number)
DURATION = Kind(str, lambda text: text.removesuffix("s"))
LAYERS = Kind(_layers, lambda text: str(_ALL_LAYERS) if text == "all" else text)

_HOST, _MODELS, _LLAMA = "Address and ports", "Models and folders", "Model servers"
_TIMES, _RAG, _EMBEDDING, _ENGINE = "Timeouts and retries (seconds)", "RAG", "Embedding", "Engine"

# Of two names for one key the later wins: what is said for one model stands below what is said for all.
VARIABLES: tuple[Variable, ...] = (
    Variable("AISUITE_ENGINE", ("engine",), TEXT, "auto, process or docker.", _ENGINE),
    Variable("HOST", ("bind",), TEXT, "Address that every port listens on.", _HOST),
    Variable("API_GATEWAY_PORT", ("ports", "api-gateway"), WHOLE, "The OpenAI-compatible door.", _HOST),
    Variable("INFERENCE_PORT", ("ports", "inference-chat"), WHOLE, "The chat model's server.", _HOST),
    Variable("INFERENCE_CODE_PORT", ("ports", "inference-code"), WHOLE, "The code model's server.", _HOST),
    Variable("RAG_PORT", ("ports", "rag"), WHOLE, "The RAG service.", _HOST),
    Variable("EMBEDDING_PORT", ("ports", "embedding"), WHOLE, "The embedding service.", _HOST),
    Variable("QDRANT_PORT", ("ports", "qdrant"), WHOLE, "The vector store.", _HOST),
    Variable(
        "CHAT_MODEL", ("models", "chat", "source", "file"), TEXT, "GGUF file of the chat model.", _MODELS, "files"
    ),
    Variable(
        "CODE_MODEL", ("models", "code", "source", "file"), TEXT, "GGUF file of the code model.", _MODELS, "files"
    ),
    Variable("MODELS_DIR", ("paths", "models"), TEXT, "Folder of the GGUF files.", _MODELS),
    Variable("DATA_DIR", ("paths", "data"), TEXT, "What the services keep; empty: in the state folder.", _MODELS),
    Variable(
        "LLAMA_N_GPU_LAYERS",
        ("models", "*", "gpu_layers"),
        LAYERS,
        "Layers on the card, all chat models.",
        _LLAMA,
        "card",
    ),
    Variable(
        "CHAT_N_GPU_LAYERS", ("models", "chat", "gpu_layers"), LAYERS, "Layers on the card; 999: all.", _LLAMA, "card"
    ),
    Variable(
        "CODE_N_GPU_LAYERS", ("models", "code", "gpu_layers"), LAYERS, "Layers on the card; 999: all.", _LLAMA, "card"
    ),
    Variable("LLAMA_PARALLEL", ("models", "*", "parallel"), WHOLE, "Requests answered at the same time.", _LLAMA),
    Variable("LLAMA_TEMP", ("models", "*", "sampling", "temperature"), NUMBER, "Default temperature.", _LLAMA),
    Variable("LLAMA_TOP_P", ("models", "*", "sampling", "top_p"), NUMBER, "Default top-p.", _LLAMA),
    Variable("LLAMA_REPEAT_PENALTY", ("models", "*", "sampling", "repeat_penalty"), NUMBER, "Default penalty.", _LLAMA),
    Variable("LLM_REQUEST_TIMEOUT", ("timeouts", "request"), DURATION, "A whole answer of a model.", _TIMES),
    Variable("LLM_CONNECT_TIMEOUT", ("timeouts", "connect"), DURATION, "A connection to a model server.", _TIMES),
    Variable("RAG_LLM_TIMEOUT", ("timeouts", "rag_request"), DURATION, "A model's answer inside RAG.", _TIMES),
    Variable("QDRANT_TIMEOUT", ("timeouts", "qdrant"), DURATION, "A call of the vector store.", _TIMES),
    Variable("EMBEDDING_TIMEOUT", ("timeouts", "embedding"), DURATION, "A call of the embedding service.", _TIMES),
    Variable("QDRANT_MAX_RETRIES", ("retry", "qdrant_attempts"), WHOLE, "Retries of a vector store call.", _TIMES),
    Variable("QDRANT_RETRY_MIN_WAIT", ("retry", "qdrant_min_wait"), DURATION, "Shortest wait between them.", _TIMES),
    Variable("QDRANT_RETRY_MAX_WAIT", ("retry", "qdrant_max_wait"), DURATION, "Longest wait between them.", _TIMES),
    Variable("RAG_LLM_MAX_TOKENS", ("services", "rag", "max_tokens"), WHOLE, "Longest answer, in tokens.", _RAG),
    Variable("RAG_LLM_TEMPERATURE", ("services", "rag", "temperature"), NUMBER, "Temperature of answers.", _RAG),
    Variable("RAG_TOPK", ("services", "rag", "topk"), WHOLE, "Chunks given to the model.", _RAG),
    Variable("RAG_CHUNK_SIZE", ("services", "rag", "chunk_size"), WHOLE, "Tokens in a chunk.", _RAG),
    Variable("RAG_CHUNK_OVERLAP", ("services", "rag", "chunk_overlap"), WHOLE, "Tokens that chunks share.", _RAG),
    Variable("API_GATEWAY_CHAT_MODEL", ("services", "rag", "chat_model"), TEXT, "Route for questions.", _RAG),
    Variable(
        "API_GATEWAY_CODE_MODEL", ("services", "rag", "code_model"), TEXT, "Route for questions about code.", _RAG
    ),
    Variable("EMBEDDING_MODEL", ("services", "embedding", "model"), TEXT, "Name of the embedding model.", _EMBEDDING),
)

# Read by the command line itself, before there is a profile.
COMMAND_LINE: Mapping[str, str] = {
    "AISUITE_PROFILE": "Name of a profile, or path of its file.",
    "AISUITE_PROJECT": "Name of the stack.",
    "COMPOSE_PROJECT_NAME": "The same, where AISUITE_PROJECT is not set: then Compose and aisuite mean one project.",
    "AISUITE_STATE": "Folder of the projects' folders.",
}

_FOR_SERVICES = "aisuite tells its services their addresses itself"
_LATER = "the service that reads it comes with a later version"
# Documented names that set nothing in this version, and why.
UNUSED: Mapping[str, str] = {
    **dict.fromkeys(
        ("API_GATEWAY_URL", "QDRANT_URL", "EMBEDDING_URL", "INFERENCE_CHAT_URL", "INFERENCE_CODE_URL"), _FOR_SERVICES
    ),
    **dict.fromkeys(
        (
            "MCP_PORT",
            "RBAC_ENABLED",
            "SECURITY_DB_PATH",
            "SANDBOX_ENABLED",
            "RATE_LIMIT_ENABLED",
            "APPROVAL_WORKFLOW_ENABLED",
            "APPROVAL_TIMEOUT",
            "APPROVAL_MAX_PENDING",
            "NOTIFICATION_ENABLED",
            "SMTP_HOST",
            "SMTP_PORT",
            "SMTP_USE_TLS",
            "SMTP_USER",
            "SMTP_PASSWORD",
            "EMAIL_FROM",
            "EMAIL_TO",
        ),
        _LATER,
    ),
}
