"""What services write while a command runs, cut into slices."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from aisuite.errors import AisuiteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aisuite.ports import Engine

_MOST = 2000  # lines of one service in one slice: the newest


class LogSlices:
    """Follows logs from now on, each in a thread of its own, which ends with this process."""

    def __init__(self, names: Iterable[str], engine: Engine, most: int = _MOST) -> None:
        self._engine, self._most = engine, most
        self._lock = threading.Lock()
        self._lines: dict[str, deque[str]] = {name: deque(maxlen=most) for name in names}
        self._seen = dict.fromkeys(self._lines, 0)
        for name in self._lines:
            threading.Thread(target=self._read, args=(name,), name=f"slices-{name}", daemon=True).start()

    def cut(self) -> Mapping[str, str]:
        """Return what each service has written since the last cut, without those that wrote nothing."""
        with self._lock:
            texts = {name: self._text(name) for name, lines in self._lines.items() if lines}
            for name, lines in self._lines.items():
                lines.clear()
                self._seen[name] = 0
        return texts

    def _text(self, name: str) -> str:
        lines = self._lines[name]
        left_out = self._seen[name] - len(lines)
        head = [f"[{left_out} earlier lines are left out]"] if left_out else []
        return "\n".join([*head, *lines]) + "\n"

    def _read(self, name: str) -> None:
        try:
            for line in self._engine.follow(name, 0):
                self._keep(name, line)
        except AisuiteError as err:
            self._keep(name, f"[from here on the log could not be read: {err.message}]")

    def _keep(self, name: str, line: str) -> None:
        with self._lock:
            self._lines[name].append(line)
            self._seen[name] += 1
