"""A command in a container, joined to our own streams."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import socket
import struct
import termios
import tty
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aisuite.ports.insight import Streams

_CHUNK = 65536
# Without a terminal both outputs come through one connection, in frames:
# https://docs.docker.com/reference/api/engine/ (attach to a container, "Stream format")
_HEAD = struct.Struct(">BxxxL")
_STDERR = 2


def run(client: Any, container: str, command: Sequence[str], streams: Streams) -> int:
    """Run a command in a container until it ends; return its exit code."""
    session = client.exec_create(container, list(command), stdin=True, tty=streams.terminal)["Id"]
    wrapped = client.exec_start(session, tty=streams.terminal, socket=True)
    connection: socket.socket = getattr(wrapped, "_sock", wrapped)
    try:
        with _at_terminal(client, session, streams):
            _join(connection, streams)
    finally:
        wrapped._response.close()  # and with it the connection
    code = client.exec_inspect(session)["ExitCode"]
    return int(code or 0)


def _join(connection: socket.socket, streams: Streams) -> None:
    """Pass on in both directions until the command has closed its outputs."""
    outputs = _Outputs(streams)
    with selectors.DefaultSelector() as ready:
        ready.register(connection, selectors.EVENT_READ)
        # A plain file is always ready, which epoll refuses to say.
        reads_file = not _can_wait(ready, streams.stdin)
        while True:
            for key, _ in ready.select(0 if reads_file else None):
                if key.fileobj is connection:
                    data = connection.recv(_CHUNK)
                    if not data:
                        return
                    outputs.take(data)
                elif not _pass_input(connection, streams.stdin):
                    ready.unregister(streams.stdin)
            if reads_file:
                reads_file = _pass_input(connection, streams.stdin)


def _can_wait(ready: selectors.BaseSelector, stdin: int) -> bool:
    try:
        ready.register(stdin, selectors.EVENT_READ)
    except PermissionError:
        return False
    return True


def _pass_input(connection: socket.socket, stdin: int) -> bool:
    """Pass on what there is to read; false at its end, which the command is told."""
    data = os.read(stdin, _CHUNK)
    with suppress(OSError):  # the command has ended, and has no use for it
        if data:
            connection.sendall(data)
        else:
            connection.shutdown(socket.SHUT_WR)
    return bool(data)


class _Outputs:
    """Where the command's outputs go."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._rest = b""

    def take(self, data: bytes) -> None:
        """Write what has come; from frames when there is no terminal."""
        if self._streams.terminal:
            _write(self._streams.stdout, data)
            return
        self._rest += data
        while len(self._rest) >= _HEAD.size:
            kind, size = _HEAD.unpack_from(self._rest)
            end = _HEAD.size + size
            if len(self._rest) < end:
                return
            _write(self._streams.stderr if kind == _STDERR else self._streams.stdout, self._rest[_HEAD.size : end])
            self._rest = self._rest[end:]


def _write(target: int, data: bytes) -> None:
    while data:
        data = data[os.write(target, data) :]


@contextmanager
def _at_terminal(client: Any, session: str, streams: Streams) -> Iterator[None]:
    """Give every key to the command, and the window's size; the terminal is afterwards as it was."""
    if not streams.terminal:
        yield
        return

    def resize(*_: Any) -> None:
        size = shutil.get_terminal_size()
        client.exec_resize(session, height=size.lines, width=size.columns)

    before, handler = termios.tcgetattr(streams.stdin), signal.signal(signal.SIGWINCH, resize)
    try:
        tty.setraw(streams.stdin, termios.TCSADRAIN)  # what was typed ahead is for the command
        resize()
        yield
    finally:
        termios.tcsetattr(streams.stdin, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, handler)
