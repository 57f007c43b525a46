"""The journal: what is written is read, and nothing else is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.drill.journal import format_journal, parse_journal
from aisuite.drill.model import Action, StubMode, Undo

_undos = st.builds(
    Undo,
    fault=st.text(max_size=20),
    action=st.sampled_from(Action),
    service=st.text(min_size=1, max_size=20),
    mode=st.none() | st.sampled_from(StubMode),
)


@given(st.lists(_undos, max_size=5))
def test_what_is_written_is_read(entries: list[Undo]) -> None:
    assert parse_journal(format_journal(entries)) == tuple(entries)


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=5).map(json.dumps))
def test_anything_else_is_refused_and_nothing_worse_happens(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  whatever is wrong with it
        parse_journal(text)


@pytest.mark.parametrize(
    "entry", [7, {}, {"fault": "kill", "service": "x", "action": "explode"}, {"fault": 1, "service": "x"}]
)
def test_a_broken_entry_is_refused(entry: object) -> None:
    with pytest.raises(ValueError, match=r"entry|names no|Action"):
        parse_journal(json.dumps({"schema": "aisuite.drill-journal/1", "done": [entry]}))
