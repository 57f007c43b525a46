"""One way to call another service, and to say which one failed and how."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from aisuite.services.common import ServiceError, outgoing_headers

_RETRY_AFTER = {"Retry-After": "5"}
_TIMEOUT_STATUS = frozenset({408, 504})
_OVERLOADED_STATUS = 429
_MESSAGE_CHARS = 500

M = TypeVar("M", bound=BaseModel)


class Unavailable(ServiceError):
    """A dependency is down, overloaded or broken: the same request may work later."""

    def __init__(self, dependency: str, reason: str) -> None:
        message = f"{dependency} is unavailable: {reason}"
        super().__init__(503, message, code=f"{dependency}_unavailable", headers=_RETRY_AFTER)
        self.reason = reason


class TooSlow(ServiceError):
    """A dependency did not answer in time."""

    def __init__(self, dependency: str, reason: str) -> None:
        super().__init__(504, f"{dependency} {reason}", code=f"{dependency}_timeout", headers=_RETRY_AFTER)
        self.reason = reason


class Refused(ServiceError):
    """A dependency answered that the request was wrong; unless the caller is to blame, that is our fault."""

    def __init__(self, dependency: str, upstream_status: int, reason: str) -> None:
        message = f"{dependency} refused the request ({upstream_status}): {reason}"
        super().__init__(502, message, code=f"{dependency}_refused")
        self.upstream_status = upstream_status
        self.reason = reason


@dataclass(frozen=True)
class Retry:
    """How often to try, and the least and most seconds to wait in between."""

    attempts: int
    min_wait: float
    max_wait: float

    def attempts_on_failure(self) -> AsyncRetrying:
        """Try again when the dependency was unavailable; waits double. Timeouts have cost enough already."""
        return AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            stop=stop_after_attempt(self.attempts),
            wait=wait_exponential(multiplier=self.min_wait, min=self.min_wait, max=self.max_wait),
            reraise=True,
        )


# For whom someone waits: a lost connection is opened again, an outage is told at once.
AT_ONCE = Retry(attempts=2, min_wait=0.05, max_wait=0.05)


class Upstream:
    """A dependency: its name, its address, and its failures as errors of ours."""

    def __init__(self, name: str, client: httpx.AsyncClient) -> None:
        self.name = name
        self._client = client

    async def call(
        self, method: str, path: str, body: object = None, *, retry: Retry = AT_ONCE, timeout: float | None = None
    ) -> httpx.Response:
        """Send a request that may be repeated, and give its successful answer.

        Raises `Unavailable`, `TooSlow`, `Refused`.
        """
        patience = httpx.USE_CLIENT_DEFAULT if timeout is None else timeout
        async for attempt in retry.attempts_on_failure():
            with attempt, self._own_errors():
                response = await self._client.request(
                    method, path, json=body, headers=outgoing_headers(), timeout=patience
                )
                self._raise_for_status(response)
        return response

    @asynccontextmanager
    async def stream(self, method: str, path: str, body: object) -> AsyncIterator[httpx.Response]:
        """Open an answer that is read while it arrives. Raises as `call`, also while it is read."""
        with self._own_errors():
            async with self._client.stream(method, path, json=body, headers=outgoing_headers()) as response:
                if not response.is_success:
                    await response.aread()
                self._raise_for_status(response)
                yield response

    def understand(self, form: type[M], content: str | bytes) -> M:
        """Read an answer in the form it must have. Raises `Unavailable`."""
        try:
            return form.model_validate_json(content)
        except ValidationError as err:
            reason = f"its answer was not understood; is {self._client.base_url} the right address?"
            raise Unavailable(self.name, reason) from err

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException as err:
            raise TooSlow(self.name, f"did not answer in time ({type(err).__name__})") from err
        except httpx.ConnectError as err:
            raise Unavailable(self.name, f"no connection to {self._client.base_url}") from err
        except httpx.HTTPError as err:
            raise Unavailable(self.name, f"the connection broke ({type(err).__name__})") from err

    def _raise_for_status(self, response: httpx.Response) -> None:
        status = response.status_code
        if response.is_success:
            return
        reason = error_message(response)
        if status in _TIMEOUT_STATUS:
            raise TooSlow(self.name, f"ran out of time ({status}): {reason}")
        if status >= 500 or status == _OVERLOADED_STATUS:
            raise Unavailable(self.name, f"it answered {status}: {reason}")
        if status in (401, 403):
            reason = "the key was not accepted"
        raise Refused(self.name, status, reason)


def error_message(response: httpx.Response) -> str:
    """Find the message of an error answer, in OpenAI's or Qdrant's form."""
    try:
        body = response.json()
    except ValueError:
        return response.reason_phrase or "no reason given"
    return find_message(body) or response.reason_phrase


def find_message(body: object) -> str | None:
    """Find the message in an error body of OpenAI's or Qdrant's form."""
    if not isinstance(body, Mapping):
        return None
    status, error = body.get("status"), body.get("error")
    if isinstance(status, Mapping):
        error = status.get("error")
    if isinstance(error, Mapping):
        error = error.get("message")
    return error[:_MESSAGE_CHARS] if isinstance(error, str) else None
