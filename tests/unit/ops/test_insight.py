"""`ps`, `top`, `events` and `exec` on fakes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from aisuite.errors import NotRunning, UsageError
from aisuite.ops.events import events
from aisuite.ops.exec import execute
from aisuite.ops.ps import ps
from aisuite.ops.top import top
from aisuite.ops.up import UpRequest, up
from aisuite.plan.observed import State
from aisuite.ports import EngineEvent, Streams
from tests.fakes.insight import FakeInsight
from tests.fakes.stacks import phase2_stack
from tests.unit.ops.deps import World, make_world

STREAMS = Streams(0, 1, 2)


@dataclass
class Looked:
    """A world, and what looks at it."""

    world: World
    insight: FakeInsight


@pytest.fixture
def looked() -> Looked:
    """Phase 2, up; one of its services has ended since."""
    world = make_world()
    up(UpRequest(phase2_stack()), world.deps)
    services = world.engine.world.services
    services["rag"] = replace(services["rag"], state=State.EXITED, pid=None, started_at=None, exit_code=3)
    return Looked(world, FakeInsight(world.engine.world))


def test_ps_shows_what_runs_and_counts_what_does_not(looked: Looked) -> None:
    report = ps((), looked.insight, looked.world.workdir, stopped=False)
    assert "rag" not in {one.service for one in report.services}
    assert (len(report.services), report.hidden) == (5, 1)
    whole = ps(("rag",), looked.insight, looked.world.workdir, stopped=True)
    assert [(one.service, one.exit_code) for one in whole.services] == [("rag", 3)]
    assert whole.hidden == 0


def test_ps_of_nothing_is_empty_and_no_error() -> None:
    world = make_world()
    assert ps((), FakeInsight(world.engine.world), world.workdir, stopped=True).services == ()


def test_top_gives_the_processes_of_each_service_and_fails_when_none_runs(looked: Looked) -> None:
    report = top((), looked.insight, looked.world.workdir)
    assert len(report.services["qdrant"]) == 1
    assert report.services["rag"] == ()
    assert report.exit_code == 0
    assert top(("rag",), looked.insight, looked.world.workdir).exit_code == 5


def test_events_begin_where_asked_and_can_be_of_one_service(looked: Looked) -> None:
    world, now = looked.world, looked.world.deps.clock.now()
    ended = {name: replace(one, started_at=None) for name, one in world.engine.world.services.items()}
    world.engine.world.services = ended
    old, new = EngineEvent(now - 90, "rag", "die"), EngineEvent(now - 5, "rag", "start")
    other, gone = EngineEvent(now - 4, "qdrant", "die"), EngineEvent(now - 3, "memory-api", "destroy")
    looked.insight.noted.extend([old, new, other, gone])

    def told(*names: str) -> list[EngineEvent]:
        found = events(names, looked.insight, world.workdir, world.deps.clock, back=60, follow=False)
        return list(found)

    assert told() == [new, other, gone]
    assert told("rag") == [new]


@pytest.mark.parametrize("command", ["ps", "top", "events", "exec"])
def test_a_name_that_is_none_is_refused_with_the_nearest(looked: Looked, command: str) -> None:
    insight, workdir, clock = looked.insight, looked.world.workdir, looked.world.deps.clock
    asks = {
        "ps": lambda: ps(("qdrnt",), insight, workdir, stopped=True),
        "top": lambda: top(("qdrnt",), insight, workdir),
        "events": lambda: list(events(("qdrnt",), insight, workdir, clock, back=1, follow=False)),
        "exec": lambda: execute("qdrnt", ("true",), STREAMS, insight, workdir),
    }
    with pytest.raises(UsageError, match="no service 'qdrnt'") as caught:
        asks[command]()
    assert caught.value.hint == f"aisuite {command} qdrant"


def test_where_nothing_was_started_nothing_can_be_run() -> None:
    world = make_world()
    with pytest.raises(NotRunning) as caught:
        execute("rag", ("true",), STREAMS, FakeInsight(world.engine.world), world.workdir)
    assert str(caught.value.hint).startswith("aisuite up")


def test_beside_what_has_ended_nothing_can_be_run(looked: Looked) -> None:
    with pytest.raises(NotRunning):
        execute("rag", ("true",), STREAMS, looked.insight, looked.world.workdir)
