"""A restore is a row of steps that a journal can take up again, in both directions."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.bundle.model import Kind
from aisuite.bundle.restore_steps import (
    Collection,
    Item,
    OldCollection,
    Restore,
    Step,
    Store,
    aliases_after,
    aliases_before,
    format_journal,
    parse_journal,
    steps_left,
    superseded,
)

STORE = Store(
    "qdrant",
    "http://127.0.0.1:6333",
    new=(Collection("collections/qdrant/docs__r20251121T000000Z.snapshot", "docs__r20251121T000000Z", ("docs",)),),
    old=(OldCollection("docs__v1", ("docs",)), OldCollection("notes", ())),
)
RESTORE = Restore(
    id="20261121T143000Z",
    bundle="20261121T120000Z",
    shelf="/srv/suite/backups",
    project="suite",
    config=False,
    running=("qdrant", "rag"),
    broken=("memory-api",),
    items=(Item("rag", Kind.DATABASE, "/srv/suite/data/rag/rag.db", ("databases/rag/rag.db.zst",), there=True),),
    stores=(STORE,),
    reconcile=(("rag", "http://127.0.0.1:8002/reconcile"),),
)


@given(st.sampled_from(Step), st.booleans(), st.none() | st.text())
def test_a_journal_says_what_was_written(step: Step, back: bool, safety: str | None) -> None:
    restore = replace(RESTORE, step=step, back=back, safety=safety)

    assert parse_journal(format_journal(restore)) == restore


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "aisuite.restore/2"}', '{"schema": "aisuite.restore/1"}'])
def test_what_is_no_journal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_journal(text)


@given(st.sampled_from(Step))
def test_forward_the_step_that_was_cut_off_is_done_again_and_all_behind_it(step: Step) -> None:
    left = steps_left(RESTORE.at(step))

    assert left[0] is step
    assert left[-1] is Step.TIDY
    assert len(set(left)) == len(left)


@given(st.sampled_from(Step))
def test_back_and_forward_together_are_all_steps(step: Step) -> None:
    forward, back = steps_left(RESTORE.at(step)), steps_left(RESTORE.at(step).turned_back())

    assert (*reversed(back), *forward[1:]) == tuple(Step)


def test_when_the_old_state_is_being_removed_there_is_no_way_back() -> None:
    assert [step for step in Step if not RESTORE.at(step).can_go_back] == [Step.TIDY]


def test_aliases_move_to_the_new_collections_and_back_to_the_old() -> None:
    assert aliases_after(STORE, "20261121T143000Z") == {"docs": "docs__r20261121T143000Z"}
    assert aliases_before(STORE) == {"docs": "docs__v1"}


def test_an_alias_that_the_backup_does_not_know_goes_and_comes_back_with_the_old_state() -> None:
    later = replace(STORE, old=(*STORE.old, OldCollection("new", ("news",))))

    assert aliases_after(later, "20261121T143000Z")["news"] is None
    assert aliases_before(later)["news"] == "new"


def test_a_collection_that_clients_know_by_its_own_name_is_not_removed_when_it_gets_the_old_content() -> None:
    direct = replace(STORE, new=(*STORE.new, Collection("collections/qdrant/notes.snapshot", "notes", ())))

    assert superseded(direct) == ("docs__v1",)
    assert superseded(STORE) == ("docs__v1", "notes")


def test_old_and_new_lie_beside_the_database_that_they_replace() -> None:
    item = RESTORE.items[0]

    assert item.kept(RESTORE.id) == "/srv/suite/data/rag/rag.db.pre-20261121T143000Z"
    assert item.staged(RESTORE.id) == "/srv/suite/data/rag/rag.db.new-20261121T143000Z"
