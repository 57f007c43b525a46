"""What is left of an `up` that fails or is interrupted: what ran before it, and a record that says so."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from aisuite.errors import EngineUnavailable
from aisuite.ops.record import forget_record, write_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.ops.carry_out import PlanRun
    from aisuite.ops.record import Record
    from aisuite.ports import Deps


@contextmanager
def recorded(record: Record, before: Record | None, deps: Deps, *, keep: bool) -> Iterator[None]:
    """Write the record first, so that `down` finds what a killed run leaves; after a failure tell what was up before.

    An engine that went away in the middle leaves what nobody can take back now: then the record stays, for `down`.
    """
    write_record(deps.workdir, record)
    try:
        yield
    except _LeftBehind as left:
        raise left.error from left
    except BaseException:
        if not keep and before is not None:
            write_record(deps.workdir, before)
        elif not keep:
            forget_record(deps.workdir)
        raise


@contextmanager
def undone_on_failure(run: PlanRun, deps: Deps, *, keep: bool, close: bool) -> Iterator[None]:
    """Leave nothing of a failed or interrupted run: its services stop, and with `close` the engine, too."""
    try:
        yield
    except BaseException:
        if not keep:
            _undo(run, deps, close=close)
        raise


def _undo(run: PlanRun, deps: Deps, *, close: bool) -> None:
    try:
        run.undo()
        if close:
            deps.engine.close()
    except EngineUnavailable as err:
        message = f"{err.message}\nwhat was started could not be stopped again"
        raise _LeftBehind(EngineUnavailable(message, "when it answers again: aisuite down")) from err


class _LeftBehind(Exception):
    """The engine went away before a run could be undone."""

    def __init__(self, error: EngineUnavailable) -> None:
        super().__init__(error.message)
        self.error = error
