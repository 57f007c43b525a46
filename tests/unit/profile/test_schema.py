from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from aisuite.profile.load import known_profiles
from aisuite.profile.schema import profile_schema, render_schema
from tests.unit.profile.conftest import Load

ROOT = Path(__file__).parents[3]
SHIPPED = sorted(known_profiles(Path("/nowhere")).items())
VALIDATOR = jsonschema.Draft202012Validator(profile_schema())


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(profile_schema())


def test_the_committed_schema_is_the_one_that_the_model_gives() -> None:
    assert (ROOT / "profiles/schema.json").read_text() == render_schema()


@pytest.mark.parametrize("path", [path for _, path in SHIPPED], ids=[name for name, _ in SHIPPED])
def test_every_shipped_profile_fits_the_schema_and_names_it_for_editors(path: Path) -> None:
    text = path.read_text()
    VALIDATOR.validate(yaml.safe_load(text))
    assert text.splitlines()[0] == "# yaml-language-server: $schema=./schema.json"


@pytest.mark.parametrize("name", [name for name, _ in SHIPPED])
def test_a_profile_written_out_in_full_fits_the_schema(load: Load, name: str) -> None:
    VALIDATOR.validate(load(name=name).profile.model_dump(mode="json", by_alias=True))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"phase": 2},
        {"extends": "phase2", "gpuu": {}},
        {"extends": "phase2", "phase": 4},
        {"extends": "phase2", "gpu": {"budget": 6}},
        {"extends": "phase2", "gpu": {"budget": "6 apples"}},
        {"extends": "phase2", "ports": {"rag": 70000}},
        {"extends": "phase2", "models": {"Chat": {}}},
        {"extends": "phase2", "services": {"api_gateway": {}}},
        {"extends": "phase2", "timeouts": {"request": 0}},
    ],
)
def test_what_is_wrong_in_the_file_alone_is_wrong_in_the_editor(wrong: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(wrong)


def test_every_key_has_a_description() -> None:
    schema = profile_schema()
    keys = {
        f"{part}.{name}": key
        for part, body in {"Profile": schema, **schema["$defs"]}.items()
        for name, key in body["properties"].items()
    }
    assert [name for name, key in keys.items() if not key.get("description")] == []
