"""Moving progress on stderr, for a person who looks at a terminal; silent otherwise."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from aisuite.plan.model import Verb

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID

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


class UpProgress:
    """Draws one line for each step that runs, and leaves one behind for each that has ended."""

    def __init__(self, out: Output) -> None:
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()
        if out.live:
            self._progress = _step_lines(out)

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Take one event; called from the threads that run the steps."""
        if self._progress is None:
            return
        with self._lock:
            if event.kind == "begin":
                title = f"{_DOING[event.step.verb]} {event.step.subject}"
                self._tasks[event.step.id] = self._progress.add_task(title, total=1, detail=event.detail)
                return
            task = self._tasks[event.step.id]
            if event.kind == "progress":
                self._progress.update(task, detail=event.detail)
            else:
                self._progress.update(task, completed=1, detail=event.kind)


def _step_lines(out: Output) -> Progress:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, no_color=out.no_color)
    return Progress(
        SpinnerColumn(finished_text="·"),
        TextColumn("{task.description:<30}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[detail]}", style="dim"),
        console=console,
        transient=True,
    )


class CountProgress:
    """A bar for work whose amount is known."""

    def __init__(self, out: Output, title: str) -> None:
        self._title = title
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        if out.live:
            from rich.console import Console
            from rich.progress import Progress

            self._progress = Progress(console=Console(stderr=True, no_color=out.no_color), transient=True)

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
            self._task = self._progress.add_task(self._title, total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show how much is done; `total` 0 means unknown."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, total=total or None)


class PullProgress:
    """A bar for each file that is fetched."""

    def __init__(self, out: Output) -> None:
        self._progress: Progress | None = _download_bars(out) if out.live else None

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def line(self, model: ModelFile) -> Tell:
        """Add a bar and return what moves it; units are bytes."""
        if self._progress is None:
            return _say_nothing
        progress, task = self._progress, self._progress.add_task(model.file, total=None)

        def move(stage: str, done: int, total: int) -> None:  # noqa: ARG001  the bar says it
            progress.update(task, completed=done, total=total or None)

        return move


def _say_nothing(stage: str, done: int, total: int) -> None:
    """Nobody looks."""


def _download_bars(out: Output) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True, no_color=out.no_color)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, console=console)
