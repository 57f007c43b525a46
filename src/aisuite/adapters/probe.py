"""Readiness over HTTP."""

from __future__ import annotations

import http.client
import time
from urllib.parse import urlsplit

from aisuite.ports import Answer

_SHOWN = 200  # characters of a body
_READ = 4096  # bytes of it that are looked at


class HttpProbe:
    """GETs a URL of this machine: no proxy, no redirects, no retries. May be shared by threads.

    On the standard library: every command that looks at the stack pays for this import, and httpx costs 60 ms.
    """

    def ask(self, url: str, timeout: float = 2.0) -> Answer:
        """GET the URL once. Never raises for what the network does."""
        begin = time.monotonic()
        status: int | None = None
        try:
            status, body = _get(url, timeout)
        except TimeoutError:
            reason = f"no answer within {timeout:g} s"
        except ConnectionRefusedError:
            reason = "nothing listens there"
        except (OSError, http.client.HTTPException) as err:
            reason = f"no HTTP answer: {err or type(err).__name__}"
        else:
            reason = "ready" if status == http.client.OK else _explain(status, body)
        return Answer(status == http.client.OK, status, reason, time.monotonic() - begin)


def _get(url: str, timeout: float) -> tuple[int, str]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request("GET", parts.path or "/", headers={"Connection": "close"})
        response = connection.getresponse()
        return response.status, response.read(_READ).decode("utf-8", errors="replace")
    finally:
        connection.close()


def _explain(status: int, body: str) -> str:
    """Return the status with the beginning of the body."""
    text = " ".join(body.split())
    return f"HTTP {status}: {text[:_SHOWN]}" if text else f"HTTP {status}"
