"""Ports for tests: each given once, to one process, and never one that the kernel may hand to a client meanwhile."""

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Below what Linux gives to clients by itself (32768 and up): such a port can be taken between the question and its use.
_RANGE = range(20_000, 32_000)
_RESERVED: list[int] = []  # file descriptors of locks, held while this process lives


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on, reserved against other test processes."""
    return next(_FREE)


def free_ports(count: int) -> list[int]:
    """Return that many of them, all different."""
    return [next(_FREE) for _ in range(count)]


def _walk() -> Iterator[int]:
    folder = Path(tempfile.gettempdir(), f"aisuite-test-ports-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    start = random.randrange(len(_RANGE))
    for step in range(len(_RANGE)):
        port = _RANGE[(start + step) % len(_RANGE)]
        if _reserve(folder / str(port)) and _is_free(port):
            yield port


def _reserve(lock: Path) -> bool:
    handle = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return False
    _RESERVED.append(handle)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_FREE = _walk()
