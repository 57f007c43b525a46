"""Run the server of the wheel `xllamacpp` until a signal ends it."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from aisuite.services.inference.flags import FlagInvalid, describe_flags, parse_command_line
from aisuite.services.inference.params import build_params

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import ModuleType

    from aisuite.services.inference.flags import CommandLine

_USAGE, _FAILED = 2, 1
_ENDING = (signal.SIGTERM, signal.SIGINT)
_GGUF_MAGIC = b"GGUF"


class StartFailed(Exception):
    """The server cannot start on this machine; the text says why."""


def main(argv: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code of what went wrong before that."""
    try:
        line = parse_command_line(argv)
        if line.wants_help:
            return _say(describe_flags(), sys.stdout)
        library = _load_library()
        if line.wants_version:
            return _say(f"version: xllamacpp {library.__version__}", sys.stdout)
        _check_complete(line)
        keys = (*line.api_keys, *_read_keys(line.api_key_files))
        params = build_params(library, line.settings, keys)
        _check_model(Path(params.model.path))
        _check_addresses(params.hostnames, params.port)
        _serve(library, params)
    except FlagInvalid as err:
        _say(f"error: {err}")
        return _USAGE
    except StartFailed as err:
        _say(f"error: {err}")
        return _FAILED


def _say(text: str, stream: Any = None) -> int:
    """Write one message, to stderr unless told; the server's own log lines go there as well."""
    target = stream or sys.stderr
    target.write(f"{text}\n")
    target.flush()
    return 0


def _load_library() -> ModuleType:
    try:
        import xllamacpp
    except ImportError as err:
        raise StartFailed(f"the wheel xllamacpp cannot be loaded ({err}): pip install 'aisuite[local]'") from err
    return xllamacpp  # type: ignore[no-any-return]


def _check_complete(line: CommandLine) -> None:
    missing = [flag for name, flag in (("model.path", "--model"), ("port", "--port")) if name not in line.settings]
    if missing:
        raise FlagInvalid(f"{' and '.join(missing)} must be given")


def _read_keys(files: Iterable[Path]) -> list[str]:
    """Read key files: one key per line, `#` starts a comment line."""
    keys = []
    for file in files:
        try:
            lines = [row.strip() for row in file.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as err:
            raise StartFailed(f"the key file {file} cannot be read: {_reason(err)}") from err
        found = [row for row in lines if row and not row.startswith("#")]
        if not found:
            # A server that was told to ask for a key must never run open.
            raise StartFailed(f"the key file {file} holds no key")
        keys += found
    return keys


def _check_model(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_GGUF_MAGIC))
    except OSError as err:
        raise StartFailed(f"the model {path} cannot be read: {_reason(err)}") from err
    if magic != _GGUF_MAGIC:
        raise StartFailed(f"the model {path} is not a GGUF file")


def _check_addresses(hosts: Iterable[str], port: int) -> None:
    """Try each address first: the library says only that something failed."""
    for host in hosts:
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            with socket.socket(family, socket.SOCK_STREAM) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind((host, port))
        except OSError as err:
            raise StartFailed(f"cannot listen on {host}:{port}: {_reason(err)}") from err


def _reason(err: OSError | UnicodeDecodeError) -> str:
    return (err.strerror if isinstance(err, OSError) else err.reason) or str(err)


def _serve(library: ModuleType, params: Any) -> NoReturn:
    _say(f"aisuite inference: xllamacpp {library.__version__} loads {params.model.path}")
    # The constructor holds the interpreter lock until the model is loaded, so no Python handler can run
    # meanwhile. Nothing needs one: the default action ends the load at once, as in llama-server.
    for number in _ENDING:
        signal.signal(number, signal.SIG_DFL)
    try:
        server = library.Server(params)
    except RuntimeError as err:
        raise StartFailed(f"llama.cpp cannot serve {params.model.path}; its lines marked E above say why") from err
    # Whichever of the library's threads takes the signal, its number arrives here.
    numbers, sender = socket.socketpair()
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.fileno())
    for number in _ENDING:
        signal.signal(number, lambda *_: None)
    _say(f"aisuite inference: ready on {server.listening_address}")
    received = signal.Signals(numbers.recv(1)[0])
    _say(f"aisuite inference: stopped by {received.name}")
    # The library's destructor waits for open requests, up to minutes. Nothing of the server outlives
    # the process, so the kernel does the cleaning.
    os._exit(0)
