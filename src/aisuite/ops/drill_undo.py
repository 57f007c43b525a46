"""What a drill has broken, journalled before it is done; and its repair, also after the drill was killed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from aisuite.errors import StepFailed
from aisuite.ops.uninterrupted import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aisuite.drill.model import Undo
    from aisuite.ports import Deps, Workdir
    from aisuite.ports.faults import Faults
    from aisuite.stack.model import Stack

JOURNAL = "drill.json"


def read_journal(workdir: Workdir) -> tuple[Undo, ...]:
    """Return what a drill has left broken; empty when there is nothing. Raises StepFailed for a broken journal."""
    text = workdir.read(JOURNAL)
    if text is None:
        return ()
    from aisuite.drill.journal import parse_journal  # every `up` asks, and hardly ever is there one

    try:
        return parse_journal(text)
    except ValueError as err:
        path = workdir.folder / JOURNAL
        raise StepFailed(f"{path} is no journal of a drill: {err}", f"rm {path}, then: aisuite restart") from err


def undo_left(stack: Stack, deps: Deps) -> tuple[Undo, ...]:
    """Undo what a killed drill has left, last first, and forget it; return what there was.

    The caller holds the project's lock. Where nothing runs any more, only what outlives the services is undone; what
    the stack no longer has is left to whoever takes it away.
    Raises StepFailed, EngineUnavailable; then the journal stays.
    """
    entries = read_journal(deps.workdir)
    if not entries:
        return ()
    if deps.faults is None:
        raise StepFailed("a drill was killed, and nothing here can repair it", "aisuite failover-drill --undo")
    known, up = {service.name for service in stack.services}, deps.engine.observe().engine_up
    due = [entry for entry in entries if entry.service in known and (up or entry.lasting)]
    with uninterrupted():
        _undo(due, deps.faults(stack))
        deps.workdir.remove(JOURNAL)
    return entries


@contextmanager
def broken(
    entries: Sequence[Undo], deps: Deps, faults: Faults, settled: Callable[[Undo], None] = lambda _: None
) -> Iterator[None]:
    """Keep things broken for a `with` block: journalled before, and repaired after it, whatever happens.

    `settled` is called after each entry was done or undone, and may wait for it.
    Raises StepFailed when the repair fails; then the journal stays.
    """
    from aisuite.drill.journal import format_journal

    deps.workdir.write({JOURNAL: format_journal(entries)})
    try:
        for entry in entries:
            faults.inject(entry)
            settled(entry)
        yield
    finally:
        with uninterrupted():
            _undo(entries, faults, settled)
            deps.workdir.remove(JOURNAL)


def _undo(entries: Sequence[Undo], faults: Faults, settled: Callable[[Undo], None] = lambda _: None) -> None:
    """Undo all, last first, however many of them fail; then say what failed."""
    failed: list[StepFailed] = []
    for entry in reversed(entries):
        try:
            faults.undo(entry)
            settled(entry)
        except StepFailed as err:
            failed.append(err)
    if failed:
        words = "; ".join(err.message for err in failed)
        raise StepFailed(f"not everything that was broken is repaired: {words}", "aisuite failover-drill --undo")
