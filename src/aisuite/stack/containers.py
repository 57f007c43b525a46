"""What only containers need: health commands, and secrets read from files into the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.stack.model import SecretUse
    from aisuite.units import Port

_ASK = "import urllib.request as r; r.urlopen({url!r}, timeout=4)"


def curl_check(url: str) -> tuple[str, ...]:
    """Ask with the curl that llama.cpp's images carry."""
    return ("CMD", "curl", "-fsS", "-o", "/dev/null", "--max-time", "4", url)


def python_check(url: str, python: str = "python") -> tuple[str, ...]:
    """Ask with Python: LiteLLM's image and ours have neither curl nor wget."""
    return ("CMD", python, "-c", _ASK.format(url=url))


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
