"""Our services read exactly the variables that the stack gives them, and take the values of every shipped profile."""

from __future__ import annotations

from typing import Any

import pytest

from aisuite.services.common import ServiceSettings
from aisuite.services.embedding.settings import EmbeddingSettings
from aisuite.services.rag.settings import RagSettings
from aisuite.services.vectordb.settings import VectorDbSettings
from aisuite.stack.model import Service
from aisuite.stack.resolve import resolve
from tests.fakes.profiles import SHIPPED, make_resolved, make_site, shipped

SETTINGS: dict[str, type[ServiceSettings]] = {
    "embedding": EmbeddingSettings,
    "rag": RagSettings,
    "qdrant": VectorDbSettings,
}


def variables(service: Service) -> dict[str, str]:
    files = {use.variable: f"/run/{use.secret}" for use in service.secrets if use.variable}
    return dict(service.environment) | files


@pytest.mark.parametrize("name", SETTINGS)
def test_every_variable_is_one_that_the_service_reads(name: str) -> None:
    full = make_resolved(services={"rag": {"documents": "papers"}})
    assert set(variables(full.service(name))) <= {field.upper() for field in SETTINGS[name].model_fields}


ENCODERS: dict[str, Any] = {
    "models": {
        "chat": {"source": {"demo": True}},
        "embed": {"source": {"demo": True}, "serves": "embedding"},
        "rerank": {"source": {"demo": True}, "serves": "rerank"},
    },
    "routes": {"chat-7b": ["chat"], "code-7b": ["chat"]},
}
EMBEDDINGS: dict[str, dict[str, Any]] = {
    "llamacpp": {"backend": "llamacpp", "model": "embed", "query_prefix": "q: "},
    "folder": {"model": "local/model", "folder": "models/local", "pooling": "cls", "threads": 2},
    "download": {"model": "intfloat/multilingual-e5-small", "download": True, "passage_prefix": "none"},
}


@pytest.mark.parametrize("kind", EMBEDDINGS)
def test_the_embedding_service_reads_what_each_backend_is_told(kind: str) -> None:
    stack = make_resolved(**ENCODERS, services={"embedding": EMBEDDINGS[kind], "rag": {"reranker": "rerank"}})
    for name in ("embedding", "rag"):
        given = {variable.lower(): value for variable, value in variables(stack.service(name)).items()}
        assert set(given) <= set(SETTINGS[name].model_fields)
        assert SETTINGS[name](**given).service_port == stack.service(name).listen.port  # type: ignore[arg-type]


@pytest.mark.parametrize("profile", SHIPPED)
def test_a_service_takes_what_a_shipped_profile_says(profile: str) -> None:
    stack = resolve(shipped(profile), profile, make_site())
    for service in stack.services:
        if service.name in SETTINGS:
            given: dict[str, Any] = {name.lower(): value for name, value in variables(service).items()}
            settings = SETTINGS[service.name](**given)
            assert settings.service_port == service.listen.port
