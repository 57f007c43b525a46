"""The reviewed Compose files against the schema that Compose itself publishes."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for

COMPOSE_FILES = sorted(Path(__file__).parent.glob("*/docker/compose.yaml"))


@pytest.fixture(scope="module")
def official() -> Validator:
    text = files("check_jsonschema").joinpath("builtin_schemas", "vendor", "compose-spec.json").read_text("utf-8")
    schema = json.loads(text)
    kind = validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


@pytest.mark.parametrize("path", COMPOSE_FILES, ids=lambda path: path.parent.parent.name)
def test_a_rendered_compose_file_is_valid_by_the_official_schema(path: Path, official: Validator) -> None:
    assert [error.message for error in official.iter_errors(load(path))] == []


def test_the_official_schema_refuses_a_misspelt_key(official: Validator) -> None:
    document = load(COMPOSE_FILES[0])
    service = next(iter(document["services"].values()))
    service["imagee"] = service.pop("image")
    assert any("imagee" in error.message for error in official.iter_errors(document))


def test_every_shipped_profile_has_a_reviewed_compose_file() -> None:
    assert COMPOSE_FILES
