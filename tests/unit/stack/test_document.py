"""A stack written down and read back is the same stack; anything else is refused by its key."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.profile.files import shipped_profiles
from aisuite.stack.document import describe_stack, parse_stack
from aisuite.stack.model import EngineName
from aisuite.stack.resolve import resolve
from aisuite.vram.demand import settled
from tests.fakes.profiles import ENGINES, make_resolved, make_site, shipped
from tests.fakes.stacks import phase2_stack

DOCUMENT = json.dumps(describe_stack(phase2_stack()))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", sorted(shipped_profiles()))
def test_every_shipped_profile_comes_back_as_it_was(name: str, engine: EngineName) -> None:
    stack = resolve(settled(shipped(name), None), name, make_site(engine))
    read = parse_stack(json.loads(json.dumps(describe_stack(stack))))
    assert read == stack
    assert [type(one.memory) for one in read.services] == [type(one.memory) for one in stack.services]


def test_what_a_newer_version_wrote_is_refused_by_its_key() -> None:
    document = json.loads(DOCUMENT)
    document["services"][1]["sidecar"] = True
    with pytest.raises(ValueError, match=r"stack\.services\[1\]: sidecar: not known"):
        parse_stack(document)


def test_what_an_older_version_did_not_write_is_as_it_was_then() -> None:
    document = json.loads(DOCUMENT)
    del document["restart_when_hung"]
    for service in document["services"]:
        del service["state"]
    assert parse_stack(document) == phase2_stack()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"engine": "podman"}, "stack.engine: there is no 'podman'"),
        ({"services": {}}, "stack.services: it is no list"),
        ({"phase": "2"}, "stack.phase: '2' is no number"),
        ({"phase": True}, "stack.phase: True is no number"),
        ({"project": 3}, "stack.project: 3 is no text"),
        ({"policy": []}, "stack.policy: it is no object"),
        ({"variables": [["A"]]}, r"stack.variables\[0\]: it has 1 entries, not 2"),
    ],
    ids=lambda one: str(one),
)
def test_what_cannot_be_a_stack_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_stack({**json.loads(DOCUMENT), **change})


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ValueError, match="stack: project is missing"):
        parse_stack({key: value for key, value in json.loads(DOCUMENT).items() if key != "project"})


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def _read(document: Any) -> Any:
    """Return what is read, as a document again; of what is refused, where."""
    try:
        return describe_stack(parse_stack(document))
    except ValueError as err:
        return str(err).partition(":")[0].partition(".")[0].partition("[")[0]


@given(key=st.sampled_from(sorted(json.loads(DOCUMENT))), value=_json)
def test_any_other_value_is_taken_or_refused_but_never_a_crash(key: str, value: Any) -> None:
    read = _read({**json.loads(DOCUMENT), key: value})
    assert read == "stack" or _read(read) == read


def test_nothing_of_a_resolved_stack_is_lost_in_json() -> None:
    stack = make_resolved("docker")
    assert describe_stack(parse_stack(describe_stack(stack))) == describe_stack(stack)
