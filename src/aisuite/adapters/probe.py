"""Readiness over HTTP."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

from aisuite.ports import Answer

_SHOWN = 200  # characters of a body
_READ = 4096  # bytes of it that are looked at
_LARGEST = 2**22  # bytes of a body that is read whole


class HttpProbe:
    """GETs a URL of this machine: no proxy, no redirects, no retries. May be shared by threads.

    On the standard library: every command that looks at the stack pays for this import, and httpx costs 60 ms.
    """

    def ask(self, url: str, timeout: float = 2.0) -> Answer:
        """GET the URL once. Never raises for what the network does."""
        begin = time.monotonic()
        status: int | None = None
        body = ""
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
        return Answer(status == http.client.OK, status, reason, time.monotonic() - begin, _parse(body))

    def read(self, url: str, key: str, timeout: float = 2.0) -> Any:
        """GET what a service tells as JSON to whoever has its key; None when it does not. Never raises for that."""
        try:
            status, body = _get(url, timeout, key, _LARGEST)
            return _parse(body) if status == http.client.OK else None
        except (OSError, http.client.HTTPException):
            return None


def _get(url: str, timeout: float, key: str = "", most: int = _READ) -> tuple[int, str]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    headers = {"Connection": "close"} | ({"Authorization": f"Bearer {key}"} if key else {})
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), headers=headers)
        response = connection.getresponse()
        return response.status, response.read(most).decode("utf-8", errors="replace")
    finally:
        connection.close()


def _parse(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _explain(status: int, body: str) -> str:
    """Return the status with the beginning of the body."""
    text = " ".join(body.split())
    return f"HTTP {status}: {text[:_SHOWN]}" if text else f"HTTP {status}"
