from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.profiles import ENGINES, make_resolved


@pytest.mark.parametrize("engine", ENGINES)
def test_settings_are_those_in_force(engine: Any) -> None:
    found = dict(make_resolved(engine, ports={"rag": 9002}, timeouts={"qdrant": "90s"}).variables)
    assert found["COMPOSE_PROJECT_NAME"] == "default"
    assert found["RAG_PORT"] == "9002"
    assert found["QDRANT_TIMEOUT"] == "90"
    assert found["CHAT_MODEL"] == "chat.gguf"


@pytest.mark.parametrize("engine", ENGINES)
def test_folders_are_absolute_and_addresses_are_those_of_this_machine(engine: Any) -> None:
    found = dict(make_resolved(engine).variables)
    assert found["MODELS_DIR"] == "/srv/aisuite/models"
    assert found["DATA_DIR"] == "/srv/aisuite/.aisuite/default/data"
    assert found["INFERENCE_CODE_URL"] == "http://127.0.0.1:8004"


def test_settings_are_the_same_for_every_engine() -> None:
    assert len({make_resolved(engine).variables for engine in ENGINES}) == 1


def test_settings_stand_in_order() -> None:
    names = [name for name, _ in make_resolved().variables]
    assert names == sorted(names)


def test_a_service_that_does_not_run_has_no_address() -> None:
    names = dict(make_resolved(services={"rag": {"enabled": False}, "embedding": {"enabled": False}}).variables)
    assert "EMBEDDING_URL" not in names
    assert "QDRANT_URL" in names
