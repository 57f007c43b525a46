"""What every engine keeps, on the fake and on the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aisuite.errors import NotRunning, StepFailed
from aisuite.plan.observed import ALIVE, Findings, Observed, ObservedService, State
from aisuite.ports import Engine
from tests.contract.engines import FakeCase, ProcessCase, only_service
from tests.contract.waiting import eventually
from tests.fakes.engine import Program

Case = FakeCase | ProcessCase
NewProject = Callable[..., Case]


@pytest.fixture(params=["fake", pytest.param("process", marks=pytest.mark.process)])
def new_project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewProject]:
    """Make projects of services that behave as their programs say."""
    made: list[Case] = []

    def make(**programs: Program) -> Case:
        if request.param == "fake":
            made.append(FakeCase(programs))
        else:
            made.append(ProcessCase(tmp_path / f"project {len(made)}", programs))
        return made[-1]

    yield make
    for case in made:
        case.engine().close()


def started(case: Case, **fingerprint: str) -> Engine:
    """Open an engine and start the project's services."""
    engine = case.engine()
    engine.open(case.stack)
    for service in case.stack.services:
        engine.start(service, fingerprint)
    return engine


def found(observed: Observed, name: str) -> ObservedService:
    service = observed.find(name)
    assert service is not None
    return service


def test_a_project_that_was_never_started_has_nothing(new_project: NewProject) -> None:
    observed = new_project(chat=Program()).engine().observe()
    assert not observed.engine_up
    assert observed.services == ()


def test_open_brings_the_engine_up_and_starts_no_service(new_project: NewProject) -> None:
    case = new_project(chat=Program())
    engine = case.engine()
    engine.open(case.stack)
    assert engine.observe() == Observed(engine_up=True)


def test_a_started_service_is_alive_with_all_that_is_known_about_it(new_project: NewProject) -> None:
    service = found(started(new_project(chat=Program()), command="chat -v", file="ä").observe(), "chat")
    assert service.state in ALIVE
    assert service.pid is not None
    assert service.started_at is not None
    assert service.restarts == 0
    assert service.exit_code is None
    assert service.fingerprint == {"command": "chat -v", "file": "ä"}


def test_a_second_engine_on_the_project_sees_the_same(new_project: NewProject) -> None:
    case = new_project(chat=Program(), code=Program())
    seen = started(case, a="1").observe()
    assert case.engine().observe() == seen


def test_opening_again_leaves_running_services_alone(new_project: NewProject) -> None:
    case = new_project(chat=Program())
    before = started(case).observe()
    case.engine().open(case.stack)
    assert case.engine().observe() == before


def test_a_stopped_service_is_forgotten(new_project: NewProject) -> None:
    engine = started(new_project(chat=Program(), code=Program()))
    engine.stop("chat")
    assert [service.name for service in engine.observe().services] == ["code"]


def test_stopping_what_is_not_there_is_fine(new_project: NewProject) -> None:
    case = new_project(chat=Program())
    case.engine().stop("chat")
    engine = case.engine()
    engine.open(case.stack)
    engine.stop("chat")
    engine.stop("nobody")


def test_starting_a_running_service_replaces_it(new_project: NewProject) -> None:
    case = new_project(chat=Program())
    engine = started(case, version="1")
    before = found(engine.observe(), "chat")
    engine.start(only_service(case.stack), {"version": "2"})
    after = found(engine.observe(), "chat")
    assert (after.pid != before.pid, after.fingerprint, after.restarts) == (True, {"version": "2"}, 0)


def test_a_program_that_is_missing_cannot_be_started_and_its_line_says_why(new_project: NewProject) -> None:
    case = new_project(chat=Program(refuses="the program no-such-program is not there, or cannot be run"))
    engine = case.engine()
    engine.open(case.stack)
    with pytest.raises(StepFailed, match="chat could not be started: the program no-such-program is not there"):
        engine.start(only_service(case.stack), {})
    assert engine.observe().services == ()
    assert "no-such-program" in engine.log_tail("chat", 1)[0]


def test_nothing_starts_before_the_engine_is_open(new_project: NewProject) -> None:
    case = new_project(chat=Program())
    with pytest.raises(StepFailed):
        case.engine().start(only_service(case.stack), {})


def test_a_program_that_ends_at_once_is_restarting_with_its_exit_code(new_project: NewProject) -> None:
    engine = started(new_project(chat=Program(says=("cannot bind",), dies=3)))
    service = eventually(lambda: (now := found(engine.observe(), "chat")).state is State.RESTARTING and now)
    assert isinstance(service, ObservedService)
    assert service.exit_code == 3
    assert engine.log_tail("chat", 5)[-1] == "cannot bind"


@pytest.mark.parametrize("signal_name", ["KILL", "TERM"])
def test_a_service_that_dies_unasked_is_started_again(new_project: NewProject, signal_name: str) -> None:
    engine = started(new_project(chat=Program()), a="1")
    before = found(engine.observe(), "chat")
    engine.signal("chat", signal_name)
    after = eventually(lambda: (now := found(engine.observe(), "chat")).restarts == 1 and now.pid and now)
    assert isinstance(after, ObservedService)
    assert after.pid != before.pid
    assert after.fingerprint == {"a": "1"}


def test_a_stopped_process_is_paused_and_continues(new_project: NewProject) -> None:
    engine = started(new_project(chat=Program()))
    pid = found(engine.observe(), "chat").pid
    engine.signal("chat", "STOP")
    eventually(lambda: found(engine.observe(), "chat").state is State.PAUSED)
    engine.signal("chat", "CONT")
    eventually(lambda: found(engine.observe(), "chat").state in {State.STARTING, State.RUNNING})
    assert found(engine.observe(), "chat").pid == pid


def test_a_signal_to_what_does_not_run_is_refused(new_project: NewProject) -> None:
    with pytest.raises(NotRunning):
        new_project(chat=Program()).engine().signal("chat", "KILL")


def test_close_stops_everything_and_may_be_repeated(new_project: NewProject) -> None:
    case = new_project(chat=Program(), code=Program())
    engine = started(case)
    engine.close()
    engine.close()
    assert case.engine().observe() == Observed(engine_up=False)


def test_a_project_can_be_started_again_after_close(new_project: NewProject) -> None:
    case = new_project(chat=Program())
    started(case).close()
    assert found(started(case).observe(), "chat").state in ALIVE


def test_services_outlive_a_crash_of_the_engine_as_orphans_and_open_takes_them_away(new_project: NewProject) -> None:
    case = new_project(chat=Program(), code=Program())
    started(case)
    case.crash()
    observed = eventually(lambda: (now := case.engine().observe()).engine_up or now)
    assert isinstance(observed, Observed)
    assert {service.state for service in observed.services} == {State.ORPHANED}
    assert all(service.pid for service in observed.services)
    engine = case.engine()
    engine.open(case.stack)
    assert engine.observe() == Observed(engine_up=True)


def test_an_orphan_can_be_stopped(new_project: NewProject) -> None:
    case = new_project(chat=Program())
    started(case)
    case.crash()
    case.engine().stop("chat")
    assert case.engine().observe().services == ()


def test_the_tail_of_a_log_is_its_last_lines_oldest_first(new_project: NewProject) -> None:
    engine = started(new_project(chat=Program(says=("one", "two", "drei ß"))))
    eventually(lambda: len(engine.log_tail("chat", 9)) == 3)
    assert engine.log_tail("chat", 2) == ("two", "drei ß")
    assert engine.log_tail("chat", 0) == ()
    assert engine.log_tail("nobody", 5) == ()


def test_the_tail_of_a_running_service_begins_with_its_last_start(new_project: NewProject) -> None:
    case = new_project(chat=Program(says=("ready",)))
    engine = started(case)
    eventually(lambda: engine.log_tail("chat", 9) == ("ready",))
    case.say("chat", "old trouble")
    engine.start(only_service(case.stack), {})
    eventually(lambda: engine.log_tail("chat", 9) == ("ready",))
    engine.stop("chat")
    assert engine.log_tail("chat", 9) == ("ready", "old trouble", "ready")


def test_follow_gives_the_last_lines_and_then_each_new_one(new_project: NewProject) -> None:
    case = new_project(chat=Program(says=("one", "two")))
    engine = started(case)
    eventually(lambda: len(engine.log_tail("chat", 9)) == 2)
    lines = engine.follow("chat", 1)
    assert next(lines) == "two"
    case.say("chat", "three")
    case.say("chat", "four")
    assert [next(lines), next(lines)] == ["three", "four"]


def test_of_a_service_that_is_well_nothing_is_noticed(new_project: NewProject) -> None:
    engine = started(new_project(chat=Program()))
    assert engine.examine("chat") == Findings()
    assert engine.examine("nobody") == Findings()


def test_a_project_is_no_foreign_holder_of_its_own_ports(new_project: NewProject) -> None:
    case = new_project(chat=Program())
    assert only_service(case.stack).published.port not in started(case).port_holders()


def test_two_projects_do_not_see_each_other(new_project: NewProject) -> None:
    first, second = new_project(chat=Program()), new_project(chat=Program())
    started(first, project="first")
    started(second, project="second")
    first.engine().close()
    assert found(second.engine().observe(), "chat").fingerprint == {"project": "second"}


def test_services_start_and_stop_in_parallel(new_project: NewProject) -> None:
    names = [f"service-{number}" for number in range(6)]
    case = new_project(**{name: Program() for name in names})
    engine = case.engine()
    engine.open(case.stack)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda service: engine.start(service, {"name": service.name}), case.stack.services))
        observed = engine.observe()
        assert {service.name: service.fingerprint["name"] for service in observed.services} == {
            name: name for name in names
        }
        list(pool.map(engine.stop, names))
    assert engine.observe().services == ()
