"""The catalogue: stable ids, complete words, and a choice that refuses typos."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from aisuite.preflight.catalogue import CHECKS, choose
from aisuite.preflight.model import Check, Outcome, examine
from aisuite.preflight.snapshot import (
    Disk,
    Docker,
    Gpu,
    Image,
    Machine,
    Model,
    PortUse,
    SecretFile,
    Section,
    Snapshot,
)
from tests.fakes.stacks import make_service
from tests.unit.preflight.snapshots import HERE, snapshot

if TYPE_CHECKING:
    from aisuite.stack.model import EngineName


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


class Watched:
    """A snapshot that notes which of its sections are read."""

    def __init__(self, seen: Snapshot) -> None:
        self.read: set[str] = set()
        self._seen = seen

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self._seen, name)


RICH = {
    "docker": Docker(version="28.5.2", root_free=1, memory=1),
    "images": (Image("llama:1", ("inference-chat",), built=False, present=True, cuda="12.4"),),
    "gpu": Gpu(cards=((0, "RTX"),), cuda="12.8", allocated=((0, ""),)),
    "ports": (PortUse("api-gateway", "127.0.0.1", 8000, "nginx"),),
    "models": (Model("chat", HERE / "m.gguf", bytes=5),),
    "disks": (Disk("data", HERE, 1, "9p"),),
    "secrets": (SecretFile(HERE / ".env", open_to_others=True, weak="is empty"),),
    "machine": Machine(free_memory=1),
}


@pytest.mark.parametrize("engine", ["process", "docker"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda one: one.id)
def test_a_check_reads_nothing_that_it_does_not_name(check: Check, engine: EngineName) -> None:
    watched = Watched(snapshot(make_service("qdrant", 6333), engine=engine, gpu_device=0, **RICH))
    examine(check, watched)  # type: ignore[arg-type]
    assert watched.read & {one.value for one in Section} <= {one.value for one in check.reads}


def test_a_word_chooses_all_checks_of_its_kind_and_skip_takes_them_away() -> None:
    assert [one.id for one in choose(["port"])] == ["PORT-001", "PORT-002"]
    assert [one.id for one in choose(["PORT", "disk-001"], ["PORT-002"])] == ["PORT-001", "DISK-001"]
    assert choose() == CHECKS
    assert not {one.id for one in choose(skip=["DOCKER"])} & {"DOCKER-001", "DOCKER-002"}


def test_an_unknown_check_is_refused_with_what_was_meant() -> None:
    with pytest.raises(ValueError, match=r"there is no check PROT-001; did you mean PORT-001\?"):
        choose(["PROT-001"])
