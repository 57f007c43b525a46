"""What only containers need: health commands, and secrets read from files into the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.stack.numerals import decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.stack.model import Endpoint, SecretUse
    from aisuite.units import Port

SILENCE = 5.0  # seconds without an answer after which a service hangs; the engine gives its check longer

_ENDED = "no answer for {silence} s: ended by its health check, to be started again"
# 28: no answer in time. Refused connections and answers such as 503 are other numbers: a start, or work for others.
_CURL_OR_END = """\
{ask}
found=$?
if [ $found -eq 28 ]; then
  echo "{ended}" > /proc/1/fd/2
  kill -KILL -1
fi
exit $found
"""
_ASK = """\
import os, socket
try:
    with socket.create_connection(({host!r}, {port}), {silence}) as connection:
        connection.sendall(b"GET {path} HTTP/1.0\\r\\nHost: {host}\\r\\n\\r\\n")
        well = b" 200 " in connection.recv(64)
except TimeoutError:
    {when_hung}
raise SystemExit(not well)
"""
_END = """\
try:
        with open("/proc/1/fd/2", "w") as log:
            print({ended!r}, file=log)
    finally:
        os.kill(-1, 9)
        raise"""


def curl_check(at: Endpoint, path: str, *, end_when_hung: bool, silence: float = SILENCE) -> tuple[str, ...]:
    """Ask with the curl that llama.cpp's images carry; a service that hangs is ended with all that it has started.

    Nothing but the container's init survives signal 9 to -1, and with init goes the container, for a restart.
    """
    ask = ("curl", "-fsS", "-o", "/dev/null", "--max-time", decimal(silence), at.url + path)
    if not end_when_hung:
        return ("CMD", *ask)
    ended = _ENDED.format(silence=decimal(silence))
    return ("CMD", "/bin/sh", "-c", _CURL_OR_END.format(ask=" ".join(ask), ended=ended))


def python_check(
    at: Endpoint, path: str, python: str = "python", *, end_when_hung: bool, silence: float = SILENCE
) -> tuple[str, ...]:
    """Ask with Python: LiteLLM's image and ours have neither curl nor wget. Ends what hangs, as `curl_check` does."""
    end = _END.format(ended=_ENDED.format(silence=decimal(silence)))
    script = _ASK.format(
        host=at.host,
        port=at.port,
        path=path,
        silence=decimal(silence),
        when_hung=end if end_when_hung else "raise SystemExit(1) from None",
    )
    return ("CMD", python, "-IS", "-c", script)


def listening_check(port: Port) -> tuple[str, ...]:
    """Look for the listening socket: Qdrant's image has no HTTP client. State 0A is LISTEN."""
    return ("CMD", "grep", "-qsE", f"^ *[0-9]+: [0-9A-F]+:{port:04X} [0-9A-F:]+ 0A ", "/proc/net/tcp", "/proc/net/tcp6")


def entrypoint_for(secrets: Sequence[SecretUse]) -> tuple[str, ...]:
    """Return a start that reads secrets into the environment and becomes the command.

    The container's description then names files only; no `docker inspect` shows a key.
    """
    lines = [
        f'{use.variable}="$(cat /run/secrets/{use.secret})"; export {use.variable}'
        for use in secrets
        if use.variable is not None and not use.as_file
    ]
    return ("/bin/sh", "-ec", "; ".join([*lines, 'exec "$@"']), "sh")
