"""The catalogue: stable ids, complete words, and a choice that refuses typos."""

from __future__ import annotations

import re

import pytest

from aisuite.preflight.catalogue import CHECKS, choose
from aisuite.preflight.model import Outcome, examine
from tests.unit.preflight.snapshots import snapshot


def test_every_id_is_there_once_and_has_the_form_of_an_id() -> None:
    ids = [one.id for one in CHECKS]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[A-Z0-9]+-\d{3}", one) for one in ids)


def test_every_check_says_what_is_wanted_and_why() -> None:
    for one in CHECKS:
        assert one.title
        assert one.wanted
        assert one.reason.endswith(".")
        assert one.severity in {Outcome.NOTE, Outcome.WARN, Outcome.FAIL}


def test_a_machine_of_which_nothing_is_known_stops_no_check() -> None:
    for engine in ("process", "docker"):
        for one in CHECKS:
            assert examine(one, snapshot(engine=engine)).judgement.measured


def test_a_word_chooses_all_checks_of_its_kind_and_skip_takes_them_away() -> None:
    assert [one.id for one in choose(["port"])] == ["PORT-001", "PORT-002"]
    assert [one.id for one in choose(["PORT", "disk-001"], ["PORT-002"])] == ["PORT-001", "DISK-001"]
    assert choose() == CHECKS
    assert not {one.id for one in choose(skip=["DOCKER"])} & {"DOCKER-001", "DOCKER-002"}


def test_an_unknown_check_is_refused_with_what_was_meant() -> None:
    with pytest.raises(ValueError, match=r"there is no check PROT-001; did you mean PORT-001\?"):
        choose(["PROT-001"])
