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


@pytest.mark.parametrize("profile", SHIPPED)
def test_a_service_takes_what_a_shipped_profile_says(profile: str) -> None:
    stack = resolve(shipped(profile), profile, make_site())
    for service in stack.services:
        if service.name in SETTINGS:
            given: dict[str, Any] = {name.lower(): value for name, value in variables(service).items()}
            settings = SETTINGS[service.name](**given)
            assert settings.service_port == service.listen.port
