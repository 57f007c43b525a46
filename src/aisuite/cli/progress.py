"""Moving progress on stderr, for a person who looks at a terminal; silent otherwise."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from aisuite.plan.model import Verb

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, ProgressColumn, TaskID

    from aisuite.cli.output import Output
    from aisuite.ops.carry_out import Event
    from aisuite.ports import Progress as Tell
    from aisuite.stack.model import ModelFile

_DOING = {
    Verb.PREPARE: "preparing",
    Verb.STOP: "stopping",
    Verb.START: "starting",
    Verb.RECREATE: "recreating",
    Verb.WAIT: "waiting for",
}


class _Drawing:
    """Lines that move while a `with` block runs, and are gone after it; none when nobody looks."""

    def __init__(self, out: Output) -> None:
        self._progress = self._lines(out) if out.live else None

    def _lines(self, out: Output) -> Progress:
        from rich.console import Console
        from rich.progress import Progress

        return Progress(*self._columns(), console=Console(stderr=True, no_color=out.no_color), transient=True)

    def _columns(self) -> tuple[ProgressColumn, ...]:
        """What a line shows; empty: rich's usual bar."""
        return ()

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()


class UpProgress(_Drawing):
    """One line for each step of a plan that runs or has ended."""

    def __init__(self, out: Output) -> None:
        super().__init__(out)
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def _columns(self) -> tuple[ProgressColumn, ...]:
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        return (
            SpinnerColumn(finished_text="·"),
            TextColumn("{task.description:<30}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", style="dim"),
        )

    def __call__(self, event: Event) -> None:
        """Take one event; called from the threads that run the steps."""
        if self._progress is None:
            return
        with self._lock:
            if event.kind == "begin":
                title = f"{_DOING[event.step.verb]} {event.step.subject}"
                self._tasks[event.step.id] = self._progress.add_task(title, total=1, detail=event.detail)
            elif event.kind == "progress":
                self._progress.update(self._tasks[event.step.id], detail=event.detail)
            elif event.kind != "start":
                self._progress.update(self._tasks[event.step.id], completed=1, detail=event.kind)


class CountProgress(_Drawing):
    """A bar for work whose amount is known."""

    def __init__(self, out: Output, title: str) -> None:
        super().__init__(out)
        self._task = None if self._progress is None else self._progress.add_task(title, total=None)

    def __call__(self, done: int, total: int) -> None:
        """Show how much is done; `total` 0 means unknown."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, total=total or None)


class PullProgress(_Drawing):
    """A bar for each file that is fetched."""

    def _columns(self) -> tuple[ProgressColumn, ...]:
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn

        return (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())

    def line(self, model: ModelFile) -> Tell:
        """Add a bar for a model and return what moves it; units are bytes."""
        return self.bar(model.file)

    def bar(self, title: str) -> Tell:
        """Add a bar and return what moves it; units are bytes."""
        if self._progress is None:
            return _say_nothing
        progress, task = self._progress, self._progress.add_task(title, total=None)

        def move(stage: str, done: int, total: int) -> None:  # noqa: ARG001  the bar says it
            progress.update(task, completed=done, total=total or None)

        return move


def _say_nothing(stage: str, done: int, total: int) -> None:
    """Nobody looks."""
