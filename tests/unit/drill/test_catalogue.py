"""The catalogue: every fault of the drill, its names and its bounds."""

from __future__ import annotations

from dataclasses import fields

import pytest

from aisuite.drill.catalogue import CATALOGUE, find_faults, with_tolerance
from aisuite.drill.model import Action, Subject, Tolerance
from aisuite.errors import UsageError
from aisuite.profile.drill import FAULTS, Bounds


def test_a_profile_may_name_every_fault_and_no_other() -> None:
    assert tuple(CATALOGUE) == FAULTS


def test_a_profile_may_set_every_bound_and_no_other() -> None:
    assert set(Bounds.model_fields) == {field.name for field in fields(Tolerance)}


def test_every_name_of_the_promise_means_a_fault() -> None:
    promised = (
        "kill hang pause slow error network dns both-down gateway-kill qdrant-restart qdrant-down embedding-down "
        "disk-full oom poison new-address late-dependency timeout"
    )
    for name in promised.split():
        assert find_faults([name])


def test_a_group_means_all_its_faults_in_the_catalogues_order() -> None:
    assert [fault.name for fault in find_faults(["network", "error", "kill"])] == [
        "kill",
        "error-500",
        "error-503",
        "error-429",
        "error-garbage",
        "network-cut",
        "network-drop",
    ]


def test_without_names_all_faults_are_meant() -> None:
    assert find_faults([]) == tuple(CATALOGUE.values())


@pytest.mark.parametrize(("name", "says"), [("kil", "did you mean kill"), ("", "there are kill"), ("zzz", "there are")])
def test_an_unknown_fault_is_refused_with_the_ones_that_there_are(name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        find_faults([name])


def test_a_stand_in_says_how_it_answers_and_nothing_else_does() -> None:
    for fault in CATALOGUE.values():
        assert (fault.mode is not None) is (fault.action is Action.STAND_IN)


def test_what_stays_broken_is_held_until_it_is_undone() -> None:
    over_at_once = {Action.KILL, Action.CRASH, Action.HANG, Action.RESTART, Action.NEW_ADDRESS}
    for fault in CATALOGUE.values():
        assert fault.held is (fault.action not in over_at_once)


def test_where_a_fallback_is_there_no_plain_request_may_fail() -> None:
    for fault in CATALOGUE.values():
        if fault.subject is Subject.FIRST:
            assert fault.tolerance.plain_success == 1.0


def test_bounds_of_the_profile_replace_the_usual_ones() -> None:
    fault = with_tolerance(CATALOGUE["kill"], {"p99_added": 2.0, "first_good": None})
    assert fault.tolerance.p99_added == 2.0
    assert fault.tolerance.first_good is None
    assert fault.tolerance.plain_success == 1.0
