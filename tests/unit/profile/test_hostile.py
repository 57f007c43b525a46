"""Whatever stands in a file, in the environment or in a flag: a profile, or an error that says where."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aisuite.errors import ProfileError, ProfileInvalid
from aisuite.profile.effective import flatten
from aisuite.profile.environment import UNUSED, VARIABLES
from aisuite.profile.load import Loaded, ProfileRequest, load_profile

FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
STRUCTURE = [
    "a: b",
    "a\nb: c",
    "'",
    '"',
    "# c",
    "[x",
    "\\",
    " ",
    "",
    "no",
    "0x10",
    "\x00",
    "\x1b[2J",
    "\u2028",
    "한국어",
]
PROGRAMS = ["${HOME}", "$(id)", "`id`", "{{ x }}", "!!python/name:os.system", "-rf", "--flag", "../../etc", "%(here)s"]
HOSTILE = st.sampled_from([*STRUCTURE, *PROGRAMS])
TEXTS = HOSTILE | st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
KEYS = st.sampled_from(
    ["extends", "phase", "gpu", "models", "chat", "source", "file", "demo", "routes", "ports", "services", "rag"]
) | st.text(st.characters(blacklist_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


def loads(folder: Path, data: bytes, **around: Any) -> Loaded | ProfileError:
    (folder / "p.yaml").write_bytes(data)
    try:
        return load_profile(ProfileRequest("./p.yaml", folder, **around))
    except ProfileError as err:
        return err


@FEW
@given(st.binary(max_size=300))
@example(b"\xff")
@example(b"")
def test_any_bytes_are_a_profile_or_a_clear_error(tmp_path: Path, data: bytes) -> None:
    assert isinstance(loads(tmp_path, data), Loaded | ProfileInvalid)


@FEW
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_tree_is_a_profile_or_a_list_of_places(tmp_path: Path, tree: dict[str, Any]) -> None:
    found = loads(tmp_path, yaml.safe_dump({"extends": "phase2", **tree}).encode())
    if isinstance(found, ProfileInvalid):
        assert all(problem.source and problem.message for problem in found.problems)
        assert all(str(problem).isprintable() for problem in found.problems)
    else:
        assert isinstance(found, Loaded)


@FEW
@given(st.sampled_from([variable.name for variable in VARIABLES] + list(UNUSED)), st.text(max_size=20) | HOSTILE)
def test_any_environment_is_a_profile_or_a_list_of_places(tmp_path: Path, name: str, value: str) -> None:
    found = loads(tmp_path, b"extends: phase2", environ={name: value})
    if isinstance(found, ProfileInvalid):
        assert [(problem.source, problem.key) for problem in found.problems] == [("environment", name)]


@FEW
@given(st.text(max_size=20) | HOSTILE, VALUES)
def test_any_flag_is_a_profile_or_a_list_of_places(tmp_path: Path, key: str, value: object) -> None:
    found = loads(tmp_path, b"extends: phase2", overrides={key: (value, "--set")})
    assert isinstance(found, Loaded | ProfileInvalid)


@FEW
@given(st.sampled_from(["description", "paths.models", "paths.data", "services.embedding.model"]), TEXTS)
def test_text_comes_through_as_it_was_written_or_not_at_all(tmp_path: Path, key: str, text: str) -> None:
    tree: Any = text
    for part in reversed(key.split(".")):
        tree = {part: tree}
    found = loads(tmp_path, yaml.safe_dump({"extends": "phase2", **tree}).encode())
    if isinstance(found, Loaded):
        assert flatten(found.profile)[key] == text
        assert text.isprintable() or not set(text) & set("\n\r\x00\x1b\u2028")


@FEW
@given(st.sampled_from(["routes", "ports", "models"]), TEXTS)
def test_a_name_holds_nothing_that_could_mean_something_elsewhere(tmp_path: Path, section: str, name: str) -> None:
    value = {"routes": ["chat"], "ports": 9000, "models": {"source": {"demo": True}}}[section]
    tree = {"extends": "phase2", section: {name: value}}
    found = loads(tmp_path, yaml.safe_dump(tree).encode())
    if isinstance(found, Loaded):
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")
        assert name[0] not in "._-"
