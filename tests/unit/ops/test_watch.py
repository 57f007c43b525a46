"""`watch` on fakes: it brings back what died or hangs, and never gets in the way of another command."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from aisuite.errors import DriftError, EngineUnavailable, NotRunning
from aisuite.ops.down import down
from aisuite.ops.record import forget_record
from aisuite.ops.up import UpRequest, up
from aisuite.ops.watch import Watch, WatchEvent
from aisuite.plan.observed import Observed
from aisuite.plan.supervise import Patience
from aisuite.ports import Deps
from aisuite.stack.model import Stack
from tests.fakes.clock import FakeClock
from tests.fakes.engine import FakeEngine, Program
from tests.fakes.journal import FakeJournal
from tests.fakes.stacks import make_stack, phase2_stack
from tests.unit.ops.deps import World, make_world

STACK = phase2_stack()


@dataclass
class Watched:
    """A stack that is up, and a watch of it."""

    world: World
    watch: Watch
    journal: FakeJournal
    told: list[WatchEvent]
    stacks: list[Stack]  # what the profile gives; the last counts

    @property
    def starts(self) -> list[str]:
        return [call for call in self.world.engine.calls if call.startswith("start")]

    def pass_time(self, seconds: float) -> None:
        self.world.deps.clock.sleep(seconds)


def _watched(folder: Path, *, full: bool = False) -> Watched:
    world, journal, told, stacks = make_world(folder=folder), FakeJournal(full=full), list[WatchEvent](), [STACK]
    up(UpRequest(STACK), world.deps)
    world.engine.calls.clear()

    def reopen() -> tuple[Stack, Deps]:
        return stacks[-1], world.deps

    patience = Patience(hung_after=30)
    watch = Watch(world.workdir, world.deps.clock, reopen, journal, patience, told.append)
    return Watched(world, watch, journal, told, stacks)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A stack that is up, and a watch of it."""
    return _watched(tmp_path)


def test_a_healthy_stack_is_left_alone_and_is_no_news(watched: Watched) -> None:
    report = watched.watch.once()
    assert set(report.services.values()) == {"healthy"}
    assert (report.exit_code, report.events, watched.journal.entries) == (0, (), [])
    assert watched.world.engine.calls == []


def test_a_service_that_was_stopped_from_outside_is_started_and_no_other(watched: Watched) -> None:
    watched.world.engine.stop("rag")
    report = watched.watch.once()
    assert watched.starts == ["start rag"]
    assert [(event.service, event.what) for event in report.events] == [("rag", "down"), ("rag", "started")]
    assert watched.watch.once().services["rag"] == "healthy"


def test_all_is_started_again_in_order_after_the_engine_died(watched: Watched) -> None:
    watched.world.engine.crash()
    watched.watch.once()
    assert watched.world.engine.calls[0] == "open"
    assert watched.starts == [f"start {service.name}" for service in STACK.services]
    assert set(watched.watch.once().services.values()) == {"healthy"}


def test_a_hung_service_is_started_again(watched: Watched) -> None:
    watched.watch.once()
    watched.world.engine.signal("inference-chat", "STOP")
    assert watched.watch.once().services["inference-chat"] == "unready"
    watched.pass_time(29)
    watched.watch.once()
    assert watched.starts == []
    watched.pass_time(1)
    assert watched.watch.once().services["inference-chat"] == "hung"
    assert watched.starts == ["start inference-chat"]
    assert watched.watch.once().services["inference-chat"] == "healthy"


def test_a_service_that_cannot_be_started_is_tried_ever_more_rarely(watched: Watched) -> None:
    watched.world.engine.stop("qdrant")
    watched.world.engine.programs["qdrant"] = Program(refuses="no such file")
    tried = []
    for second in range(64):
        before = len(watched.starts)
        report = watched.watch.once()
        if len(watched.starts) > before:
            assert report.exit_code == 5
            tried.append(second)
        watched.pass_time(1)
    assert tried == [0, 1, 3, 7, 15, 31, 63]
    assert "no such file" in watched.told[-1].detail


@pytest.mark.parametrize("holder", ["up", "down", "restart"])
def test_while_another_command_works_nothing_is_touched(watched: Watched, holder: str) -> None:
    watched.world.engine.stop("rag")
    watched.world.workdir.holder = holder
    report = watched.watch.once()
    watched.watch.once()
    assert watched.starts == []
    assert report.events[-1].what == "left"
    assert holder in report.events[-1].detail
    assert [event.what for event in watched.told] == ["down", "left"]  # once, not at every look
    watched.world.workdir.holder = None
    watched.watch.once()
    assert watched.starts == ["start rag"]


def test_after_a_down_there_is_nothing_to_watch_until_the_next_up(watched: Watched) -> None:
    world, small = watched.world, make_stack(*STACK.services[:5])

    def bring_down() -> None:
        down(world.deps)
        world.engine.calls.clear()

    def bring_up_another() -> None:
        assert world.engine.calls == []
        watched.stacks.append(small)
        up(UpRequest(small), world.deps)
        world.engine.stop("qdrant")
        world.engine.calls.clear()

    clock = _ClockWith(bring_down, lambda: None, bring_up_another)
    watch = Watch(world.workdir, clock, lambda: (watched.stacks[-1], world.deps), watched.journal, Patience())
    with pytest.raises(KeyboardInterrupt):
        watch.forever(3)
    assert watched.starts == ["start qdrant"]
    told = [(one["event"], one["detail"]) for one in watched.journal.entries if not one["service"]]
    assert told[:2] == [("watching", "6 of 6 services are healthy"), ("idle", "nothing is up")]
    assert told[2:] == [("watching", "4 of 5 services are healthy")]
    assert clock.slept == 12


def test_a_command_that_ends_between_the_two_looks_is_not_undone(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.watch.once()
    watched.world.engine.stop("rag")
    lock = watched.world.workdir.lock

    def lock_after_a_down(purpose: str) -> AbstractContextManager[None]:
        forget_record(watched.world.workdir)
        return lock(purpose)

    monkeypatch.setattr(watched.world.workdir, "lock", lock_after_a_down)
    watched.watch.once()
    assert watched.starts == []


def test_a_changed_profile_is_refused_rather_than_half_applied(watched: Watched) -> None:
    watched.stacks.append(make_stack(*STACK.services[:5]))
    with pytest.raises(DriftError, match=r"process\.txt"):
        watched.watch.once()
    assert watched.world.engine.calls == []


def test_what_was_never_up_cannot_be_watched() -> None:
    world = make_world()
    watch = Watch(world.workdir, FakeClock(), lambda: (STACK, world.deps), FakeJournal(), Patience())
    with pytest.raises(NotRunning):
        watch.once()
    with pytest.raises(NotRunning):
        watch.forever(1)


def test_an_engine_that_does_not_answer_ends_one_look_and_not_the_watch(tmp_path: Path) -> None:
    watched = _watched(tmp_path)
    engine = _Unreachable(watched.world.engine)
    watch = Watch(
        watched.world.workdir,
        _ClockWith(lambda: None, lambda: None),
        lambda: (STACK, replace(watched.world.deps, engine=engine)),
        watched.journal,
        Patience(),
    )
    with pytest.raises(KeyboardInterrupt):
        watch.forever(1)
    assert engine.asked == 3
    assert [(one["event"], one["detail"]) for one in watched.journal.entries] == [("failed", "no answer")]


def test_a_full_disk_does_not_end_the_watch(tmp_path: Path) -> None:
    watched = _watched(tmp_path, full=True)
    watched.world.engine.stop("rag")
    watched.watch.once()
    assert watched.starts == ["start rag"]


def test_the_journal_says_what_was_told(watched: Watched) -> None:
    watched.world.engine.stop("rag")
    watched.watch.once()
    watched.watch.once()
    assert [one["event"] for one in watched.journal.entries] == ["down", "started", "healthy"]
    assert [one["at"] for one in watched.journal.entries] == [event.at for event in watched.told]
    assert watched.told[0].at == "2023-11-14T22:13:20.000+00:00"


class _Unreachable(FakeEngine):
    """An engine that nobody can ask."""

    def __init__(self, engine: FakeEngine) -> None:
        super().__init__(world=engine.world)
        self.asked = 0

    def observe(self) -> Observed:
        self.asked += 1
        raise EngineUnavailable("no answer")


class _ClockWith(FakeClock):
    """A clock at which one thing happens in each sleep, and in the last somebody presses Ctrl-C."""

    def __init__(self, *happenings: Callable[[], None]) -> None:
        super().__init__()
        self._happenings = iter(happenings)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        happening = next(self._happenings, None)
        if happening is None:
            raise KeyboardInterrupt
        happening()
