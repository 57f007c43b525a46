from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.bundle.kept_state import UsedImage, describe_state, parse_state
from aisuite.bundle.model import KeptState
from aisuite.stack.model import BackupPolicy, ModelFile, State
from tests.fakes.stacks import make_service, make_stack, phase2_stack

DIARY = replace(
    make_service("diary", 8100),
    state=State(
        databases=("/srv/data/diary/pages.db",),
        folders=("/srv/data/diary/pictures",),
        maintenance_path="/maintenance",
        reconcile_path="/reconcile",
    ),
    image="diary:1",
    image_digest="sha256:" + "a" * 64,
)
SHELF = replace(make_service("shelf", 8101), state=State(vectors=True))
MODEL = ModelFile("small", "diary", Path("/srv/models/small.gguf"), None, "small.gguf", "main", "b" * 64, None)


def test_state_that_was_described_is_read_back_as_it_was() -> None:
    state = parse_state(describe_state(make_stack(DIARY, SHELF, make_service("embedding", 8003), models=(MODEL,))))

    assert state.services == (
        KeptState(
            service="diary",
            databases=("/srv/data/diary/pages.db",),
            folders=("/srv/data/diary/pictures",),
            vectors=None,
            maintenance="http://127.0.0.1:8100/maintenance",
            reconcile="http://127.0.0.1:8100/reconcile",
        ),
        KeptState("shelf", (), (), "http://127.0.0.1:8101", None, None),
    )
    assert (state.project, state.engine, state.profile, state.phase) == ("aisuite", "process", "demo", 2)
    assert [(one.path, one.sha256) for one in state.models] == [("/srv/models/small.gguf", "b" * 64)]
    assert state.images == (UsedImage("diary", "diary:1", "sha256:" + "a" * 64),)


def test_a_service_that_keeps_nothing_is_not_named_and_its_secrets_are() -> None:
    state = parse_state(describe_state(phase2_stack()))
    assert (state.services, state.secrets) == ((), phase2_stack().secrets)
    assert state.secrets


def test_the_secrets_that_an_earlier_aisuite_wrote_with_each_service_are_known() -> None:
    found = _without("secrets")
    for one, names in zip(found["services"], (["b", "a"], ["a"]), strict=False):
        one["secrets"] = names
    assert parse_state(json.dumps(found)).secrets == ("a", "b")


def _without(key: str) -> dict[str, Any]:
    found = json.loads(describe_state(make_stack(DIARY)))
    del found[key]
    return dict(found)


@pytest.mark.parametrize("key", ["schema", "project", "engine", "profile", "phase", "services", "models", "images"])
def test_a_state_that_lacks_something_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="it lacks something"):
        parse_state(json.dumps(_without(key)))


def test_a_place_that_is_not_absolute_is_refused() -> None:
    text = describe_state(make_stack(DIARY)).replace("/srv/data/diary/pages.db", "../pages.db")
    with pytest.raises(ValueError, match="not an absolute path"):
        parse_state(text)


_ANYTHING = st.recursive(
    st.none() | st.integers() | st.text(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)
)


@given(st.text() | _ANYTHING.map(json.dumps))
def test_what_is_no_state_is_refused_in_one_way(text: str) -> None:
    with pytest.raises(ValueError, match=r"lacks|not|Expecting|JSON|Extra|Unterminated|Invalid|Exceeds"):
        parse_state(text)


def test_what_the_profile_says_of_backups_is_read_back_and_nothing_is_known_of_an_earlier_aisuites() -> None:
    policy = BackupPolicy("/srv/backups/aisuite", "restic", keep_last=3, keep_within="14d")
    assert parse_state(describe_state(replace(make_stack(DIARY), backup=policy))).backup == policy
    assert parse_state(json.dumps(_without("backup"))).backup == BackupPolicy()


@pytest.mark.parametrize(
    "backup",
    [{"keep_last": -1}, {"keep_last": True}, {"keep_within": "7w"}, {"engine": "tar"}, {"folder": "x"}, {"x": 1}],
)
def test_rules_for_backups_that_are_none_are_refused(backup: dict[str, Any]) -> None:
    found = {**_without("backup"), "backup": backup}
    with pytest.raises(ValueError, match=r"."):
        parse_state(json.dumps(found))
