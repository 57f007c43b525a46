"""The effective settings by their documented names: what `.env` beside the rendered files holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.profile.dependencies import GATEWAY, running_services
from aisuite.stack.numerals import decimal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.profile.model import Profile
    from aisuite.stack.places import Places

_PORTS = {
    "API_GATEWAY_PORT": GATEWAY,
    "INFERENCE_PORT": "inference-chat",
    "RAG_PORT": "rag",
    "EMBEDDING_PORT": "embedding",
}
_URLS = {
    "API_GATEWAY_URL": GATEWAY,
    "EMBEDDING_URL": "embedding",
    "INFERENCE_CHAT_URL": "inference-chat",
    "INFERENCE_CODE_URL": "inference-code",
    "QDRANT_URL": "qdrant",
}


def effective_settings(profile: Profile, places: Places) -> tuple[tuple[str, str], ...]:
    """Return variables sorted by name: the same for every engine, addresses as this machine calls them, no secrets."""
    running = running_services(profile)
    found = {
        "COMPOSE_PROJECT_NAME": places.site.project,
        "HOST": places.bind,
        "MODELS_DIR": str(places.models),
        "DATA_DIR": str(places.data),
        **{variable: str(places.ports[name]) for variable, name in _PORTS.items() if name in running},
        **{variable: places.published(name).url for variable, name in _URLS.items() if name in running},
        **dict(_models(profile)),
        **_waiting(profile),
        **_retrieval(profile),
    }
    return tuple(sorted(found.items()))


def _models(profile: Profile) -> Iterator[tuple[str, str]]:
    for name, prefix in (("chat", "CHAT"), ("code", "CODE")):
        model = profile.models.get(name)
        if model is None:
            continue
        if model.source.file is not None:
            yield f"{prefix}_MODEL", model.source.file
        yield f"{prefix}_N_GPU_LAYERS", str(model.gpu_layers)


def _waiting(profile: Profile) -> dict[str, str]:
    timeouts, retry = profile.timeouts, profile.retry
    return {
        "LLM_REQUEST_TIMEOUT": decimal(timeouts.request),
        "LLM_CONNECT_TIMEOUT": decimal(timeouts.connect),
        "RAG_LLM_TIMEOUT": decimal(timeouts.rag_request),
        "QDRANT_TIMEOUT": decimal(timeouts.qdrant),
        "EMBEDDING_TIMEOUT": decimal(timeouts.embedding),
        "QDRANT_MAX_RETRIES": str(retry.qdrant_attempts),
        "QDRANT_RETRY_MIN_WAIT": decimal(retry.qdrant_min_wait),
        "QDRANT_RETRY_MAX_WAIT": decimal(retry.qdrant_max_wait),
    }


def _retrieval(profile: Profile) -> dict[str, str]:
    rag = profile.services.rag
    return {
        "API_GATEWAY_CHAT_MODEL": rag.chat_model,
        "API_GATEWAY_CODE_MODEL": rag.code_model,
        "EMBEDDING_MODEL": profile.services.embedding.model,
        "RAG_CHUNK_OVERLAP": str(rag.chunk_overlap),
        "RAG_CHUNK_SIZE": str(rag.chunk_size),
        "RAG_LLM_MAX_TOKENS": str(rag.max_tokens),
        "RAG_LLM_TEMPERATURE": decimal(rag.temperature),
        "RAG_TOPK": str(rag.topk),
    }
