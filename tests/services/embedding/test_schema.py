"""What the service says of itself in its OpenAPI document holds for whatever it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from aisuite.services.embedding.app import create_app
from aisuite.services.embedding.settings import EmbeddingSettings
from tests.services.described import check_operation, described_operations, load_schema
from tests.services.embedding.conftest import KEY

OPERATIONS = (
    "GET /livez",
    "GET /health",
    "POST /embed",
    "POST /tokenize",
    "GET /models",
    "POST /v1/embeddings",
    "GET /v1/models",
)


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    key_file = tmp_path_factory.mktemp("key") / "key"
    key_file.write_text(KEY)
    return load_schema(create_app(EmbeddingSettings(service_port=8003, service_api_key_file=key_file)), KEY)


def test_every_route_is_described(schema: Any) -> None:
    assert described_operations(schema.raw_schema) == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_is_as_described(schema: Any, operation: str) -> None:
    check_operation(schema, operation)


def test_each_route_with_a_key_says_so_and_how_it_refuses(schema: Any) -> None:
    embed = schema.raw_schema["paths"]["/embed"]["post"]
    assert embed["security"] == [{"key": []}]
    assert set(embed["responses"]) == {"200", "400", "401", "413", "422", "429", "503", "default"}
    assert "Retry-After" in embed["responses"]["429"]["headers"]
    assert "security" not in schema.raw_schema["paths"]["/livez"]["get"]
