"""What services write while a command runs, cut into slices."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from aisuite.errors import AisuiteError
from aisuite.ops.log_errors import find_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aisuite.ports import Engine

_MOST = 2000  # lines of one service in one slice: the newest, and before them those that tell of errors


class LogSlices:
    """Follows logs from now on, each in a thread of its own, which ends with this process."""

    def __init__(self, names: Iterable[str], engine: Engine, most: int = _MOST) -> None:
        self._engine, self._most = engine, most
        self._lock = threading.Lock()
        self._slices = {name: _Slice(most) for name in names}
        for name in self._slices:
            threading.Thread(target=self._read, args=(name,), name=f"slices-{name}", daemon=True).start()

    def cut(self) -> Mapping[str, str]:
        """Return what each service has written since the last cut, without those that wrote nothing."""
        with self._lock:
            done = self._slices
            self._slices = {name: _Slice(self._most) for name in done}
        texts = ((name, one.text()) for name, one in done.items())
        return {name: text for name, text in texts if text}

    def _read(self, name: str) -> None:
        try:
            for line in self._engine.follow(name, 0):
                self._keep(name, line)
        except AisuiteError as err:
            self._keep(name, f"[from here on the log could not be read: {err.message}]")

    def _keep(self, name: str, line: str) -> None:
        with self._lock:
            self._slices[name].add(line)


class _Slice:
    """The newest lines of one service; of older ones the errors, and how many the others were."""

    def __init__(self, most: int) -> None:
        self._newest: deque[str] = deque()
        self._errors: list[str] = []
        self._left_out = 0
        self._most = most

    def add(self, line: str) -> None:
        self._newest.append(line)
        if len(self._newest) <= self._most:
            return
        oldest = self._newest.popleft()
        if len(self._errors) < self._most and find_errors((oldest,)).count:
            self._errors.append(oldest)
        else:
            self._left_out += 1

    def text(self) -> str:
        gap = [f"[{self._left_out} lines are left out]"] if self._left_out else []
        return "".join(f"{line}\n" for line in (*self._errors, *gap, *self._newest))
