"""What only containers need: health commands, and secrets read from files into the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.stack.numerals import decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.stack.model import Endpoint, SecretUse
    from aisuite.units import Port

SILENCE = 5.0  # seconds without an answer after which a service is suspected
DOUBT = 2.0  # seconds more, of a question of its own: one that was lost says nothing

_ENDED = "no answer for {seconds} s: ended by its health check, to be started again"
# 28: no answer in time. Refused connections and answers such as 503 are other numbers: a start, or work for others.
_CURL_OR_END = """\
{ask}
found=$?
if [ $found -eq 28 ]; then
  {ask_again}
  found=$?
  if [ $found -eq 28 ]; then
    echo "{ended}" > /proc/1/fd/2
    kill -KILL -1
  fi
fi
exit $found
"""
_ASK = """\
import os, socket
def ask(seconds):
    with socket.create_connection(({host!r}, {port}), seconds) as connection:
        connection.sendall(b"GET {path} HTTP/1.0\\r\\nHost: {host}\\r\\n\\r\\n")
        return b" 200 " in connection.recv(64)
"""
_OR_FAIL = """\
try:
    well = ask({silence})
except TimeoutError:
    well = False
raise SystemExit(not well)
"""
_OR_END = """\
def suspect(seconds):
    try:
        return ask(seconds)
    except TimeoutError:
        try:
            with open("/proc/1/fd/2", "w") as log:
                print({ended!r}, file=log)
        finally:
            os.kill({whom}, 9)
            raise SystemExit(1)
try:
    well = ask({silence})
except TimeoutError:
    well = suspect({doubt})
raise SystemExit(not well)
"""
_EVERYBODY = "-1"
# Whom the service has started to serve in its place, and would start anew; all, where it can or does not do that.
_ITS_WORKER = """\
def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]
def worker():
    service, *_ = children(1)
    with open(f"/proc/{service}/stat") as file:
        frozen = file.read().rpartition(")")[2].split()[0] in "Tt"
    started = children(service)
    return started[0] if len(started) == 1 and not frozen else -1
"""


def curl_check(at: Endpoint, path: str, *, end_when_hung: bool, silence: float = SILENCE) -> tuple[str, ...]:
    """Ask with the curl that llama.cpp's images carry; a service that hangs is ended with all that it has started.

    Nothing but the container's init survives signal 9 to -1, and with init goes the container, for a restart.
    """
    ask = ("curl", "-fsS", "-o", "/dev/null", at.url + path, "--max-time")
    if not end_when_hung:
        return ("CMD", *ask, decimal(silence))
    words, ended = " ".join(ask), _ENDED.format(seconds=decimal(silence + DOUBT))
    script = _CURL_OR_END.format(ask=f"{words} {decimal(silence)}", ask_again=f"{words} {decimal(DOUBT)}", ended=ended)
    return ("CMD", "/bin/sh", "-c", script)


def python_check(
    at: Endpoint,
    path: str,
    python: str = "python",
    *,
    end_when_hung: bool,
    keeps_worker: bool = False,
    silence: float = SILENCE,
) -> tuple[str, ...]:
    """Ask with Python: LiteLLM's image and ours have neither curl nor wget. Ends what hangs, as `curl_check` does.

    Of a service that keeps a worker, and so is back sooner with another one, only that is ended.
    """
    script = _ASK.format(host=at.host, port=at.port, path=path)
    if not end_when_hung:
        script += _OR_FAIL.format(silence=decimal(silence))
    else:
        ended = _ENDED.format(seconds=decimal(silence + DOUBT))
        whom = "worker()" if keeps_worker else _EVERYBODY
        script += _ITS_WORKER if keeps_worker else ""
        script += _OR_END.format(silence=decimal(silence), doubt=decimal(DOUBT), ended=ended, whom=whom)
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
