"""Start a service as a process."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from aisuite.services.common.errors import StartError
from aisuite.services.common.logs import configure_logging
from aisuite.services.common.settings import ServiceSettings

GRACE_SECONDS = 5
BAD_SETTINGS = 2

S = TypeVar("S", bound=ServiceSettings)


class AddressTaken(StartError):
    """Nothing can listen on the configured address."""


def run(create_app: Callable[[S], FastAPI], settings_class: type[S]) -> int:
    """Serve the app until SIGTERM or SIGINT and return the exit code.

    0 after a stop, 1 when the address cannot be had or the app refuses to start, 2 for bad settings,
    3 for an unusable key file. A refusal is one line on stderr.
    """
    os.umask(0o077)
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _stop)
    try:
        settings = settings_class()
    except ValidationError as err:
        return _refuse(_describe(err), BAD_SETTINGS)
    configure_logging(settings.service_log_level)
    try:
        with _listen(settings.service_host, settings.service_port) as listener:
            return _serve(create_app(settings), listener)
    except StartError as err:
        return _refuse(str(err), err.exit_code)


def _serve(app: FastAPI, listener: socket.socket) -> int:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    return 0 if server.started else 1


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it each answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # only now is the address ours: two processes may be bound to it, one may listen
    except OSError as err:
        listener.close()
        raise AddressTaken(f"cannot listen on {host}:{port}: {err.strerror}") from err
    return listener


def _describe(err: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}" for problem in err.errors()
    )


def _refuse(message: str, exit_code: int) -> int:
    sys.stderr.write(f"error: {message}\n")
    return exit_code


def _stop(_signal: int, _frame: FrameType | None) -> None:
    # Uvicorn repeats the signal once it has shut down; by default that would be a death by signal.
    sys.exit(0)
