"""A socket in front of the engine's own, which can go away as a dying engine does: the shared engine never does."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_CHUNK = 65536


class PassingOn:
    """Passes every connection on to the engine until a request that holds `fatal` was seen; then nobody answers."""

    def __init__(self, path: Path, engine: Path, fatal: bytes = b"\0never") -> None:
        self.path = path
        self._engine, self._fatal = engine, fatal
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(path))
        self._door.listen(64)
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self.died = False

    def __enter__(self) -> PassingOn:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.die()

    def die(self) -> None:
        """Close every connection and the door, as a killed engine does."""
        with self._lock:
            self.died = True
            self.path.unlink(missing_ok=True)
            for one in (self._door, *self._open):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            self._open.clear()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(str(self._engine))
            except OSError:
                return
            with self._lock:
                self._open += [client, engine]
            threading.Thread(target=self._pass, args=(client, engine, self._fatal), daemon=True).start()
            threading.Thread(target=self._pass, args=(engine, client, None), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, fatal: bytes | None) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                target.sendall(data)
                if fatal is not None and fatal in data:
                    self.die()
                    return
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
