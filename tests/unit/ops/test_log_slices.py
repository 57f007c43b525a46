"""Slices hold what was written between two cuts, and never more than their share."""

from __future__ import annotations

from aisuite.errors import EngineUnavailable
from aisuite.ops.log_slices import LogSlices
from tests.contract.waiting import eventually
from tests.fakes.engine import FakeEngine
from tests.fakes.stacks import make_service, make_stack


def running() -> FakeEngine:
    engine = FakeEngine()
    engine.open(make_stack())
    for name in ("chat", "code"):
        engine.start(make_service(name, 9000), {})
    return engine


def begun(engine: FakeEngine, most: int = 10) -> LogSlices:
    """Return slices that follow by now: from when on they do is nobody's law."""
    slices = LogSlices(["chat", "code"], engine, most)
    waiting = {"chat", "code"}

    def follows() -> bool:
        for name in waiting:
            engine.say(name, "first")
        waiting.difference_update(slices.cut())
        return not waiting

    eventually(follows)
    for name in ("chat", "code"):
        engine.say(name, "begun")
        cut_until(slices, "begun", name)
    return slices


def cut_until(slices: LogSlices, last: str, name: str = "chat") -> str:
    """Return what a service has written down to this line."""
    found = ""

    def ended() -> bool:
        nonlocal found
        found += slices.cut().get(name, "")
        return found.endswith(last + "\n")

    eventually(ended)
    return found


def test_a_slice_holds_what_was_written_since_the_last() -> None:
    engine = running()
    slices = begun(engine)
    engine.say("chat", "one", "two")
    assert cut_until(slices, "two") == "one\ntwo\n"
    engine.say("chat", "three")
    assert cut_until(slices, "three") == "three\n"


def test_a_service_that_wrote_nothing_is_not_in_it() -> None:
    engine = running()
    slices = begun(engine)
    engine.say("chat", "one")
    cut_until(slices, "one")
    assert slices.cut() == {}


def test_of_too_many_lines_the_newest_are_kept_and_the_others_counted() -> None:
    engine = running()
    slices = begun(engine, most=3)
    engine.say("chat", *map(str, range(8)))
    assert cut_until(slices, "7") == "[5 lines are left out]\n5\n6\n7\n"


def test_of_too_many_lines_those_that_tell_of_errors_are_kept() -> None:
    engine = running()
    slices = begun(engine, most=3)
    error = '{"level": "ERROR", "message": "upstream is gone"}'
    engine.say("chat", "0", error, *map(str, range(2, 8)))
    assert cut_until(slices, "7") == f"{error}\n[4 lines are left out]\n5\n6\n7\n"


def test_a_log_that_cannot_be_read_says_so_in_its_place() -> None:
    class Broken(FakeEngine):
        def follow(self, name: str, lines: int) -> object:  # type: ignore[override]
            raise EngineUnavailable(f"{name} is out of reach")

    slices = LogSlices(["chat"], Broken())
    found = eventually(slices.cut)
    assert found == {"chat": "[from here on the log could not be read: chat is out of reach]\n"}
