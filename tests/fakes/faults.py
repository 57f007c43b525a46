"""Faults that happen in a fake world: what is hit stops being ready until it is undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aisuite.drill.model import Action, Undo
from aisuite.errors import StepFailed


class FakeFaults:
    """Remembers what is broken; `done` is what it was told, in order ("inject kill inference-chat", ...)."""

    def __init__(
        self, not_here: Mapping[Action, str] | None = None, on_inject: Callable[[Undo], None] | None = None
    ) -> None:
        self.not_here = dict(not_here or {})
        self.on_inject = on_inject
        self.broken: dict[str, Undo] = {}
        self.done: list[str] = []

    def why_not(self, action: Action) -> str | None:
        return self.not_here.get(action)

    def inject(self, undo: Undo) -> None:
        if undo.action in self.not_here:
            raise StepFailed(self.not_here[undo.action])
        self.done.append(f"inject {undo.action} {undo.service}")
        self.broken[undo.service] = undo
        if self.on_inject is not None:
            self.on_inject(undo)

    def undo(self, undo: Undo) -> None:
        self.done.append(f"undo {undo.action} {undo.service}")
        self.broken.pop(undo.service, None)
