"""Readiness over HTTP."""

from __future__ import annotations

import ssl
import time

import httpx

from aisuite.ports import Answer

_SHOWN = 200  # characters of a body


class HttpProbe:
    """GETs a URL of this machine: no proxy, no redirects, no retries. May be shared by threads."""

    def __init__(self) -> None:
        # The URLs are plain http. A context that trusts nobody spares the tenth of a second for reading certificates.
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client = httpx.Client(trust_env=False, verify=nobody, headers={"Connection": "close"})

    def ask(self, url: str, timeout: float = 2.0) -> Answer:
        """GET the URL once. Never raises for what the network does."""
        begin = time.monotonic()
        status: int | None = None
        try:
            response = self._client.get(url, timeout=timeout)
        except httpx.TimeoutException:
            reason = f"no answer within {timeout:g} s"
        except httpx.ConnectError:
            reason = "nothing listens there"
        except httpx.HTTPError as err:
            reason = f"no HTTP answer: {err}"
        else:
            status = response.status_code
            reason = "ready" if status == httpx.codes.OK else _explain(response)
        return Answer(status == httpx.codes.OK, status, reason, time.monotonic() - begin)


def _explain(response: httpx.Response) -> str:
    """Return the status with the beginning of the body."""
    text = " ".join(response.text.split())
    return f"HTTP {response.status_code}: {text[:_SHOWN]}" if text else f"HTTP {response.status_code}"
