"""One way to call another service, and to say which one failed and how."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from random import uniform
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from aisuite.services.common import ServiceError, outgoing_headers
from aisuite.services.rag.circuit import Circuit

_RETRY_AFTER = {"Retry-After": "5"}
_TIMEOUT_STATUS = frozenset({408, 504})
_OVERLOADED_STATUS = 429
_MESSAGE_CHARS = 500
_JITTER = 1.5
_ADDRESSES = 256

Watch = Callable[[str, bool, bool], None]

M = TypeVar("M", bound=BaseModel)


class Unavailable(ServiceError):
    """A dependency is down, overloaded or broken: the same request may work later."""

    def __init__(self, dependency: str, reason: str, retry_after: float | None = None) -> None:
        message = f"{dependency} is unavailable: {reason}"
        headers = _RETRY_AFTER if retry_after is None else {"Retry-After": str(ceil(retry_after))}
        super().__init__(503, message, code=f"{dependency}_unavailable", headers=headers)
        self.reason = reason
        self.retry_after = retry_after


class Unreachable(Unavailable):
    """A dependency took no connection in time: who waits is not made to wait for that twice."""


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
    """How often to try, and the least and most seconds to wait in between.

    Who is `patient` waits for slow answers, too, and does not mind that the dependency fails all the time.
    """

    attempts: int
    min_wait: float
    max_wait: float
    patient: bool = False

    def attempts_on_failure(self) -> AsyncRetrying:
        """Try again when the dependency was unavailable; waits double, and are as long as it asks for."""
        return AsyncRetrying(
            retry=retry_if_exception(self._is_worth_it),
            stop=stop_after_attempt(self.attempts),
            wait=self.seconds_before_next,
            reraise=True,
        )

    def _is_worth_it(self, failure: BaseException) -> bool:
        if isinstance(failure, Unreachable | TooSlow):
            return self.patient
        return isinstance(failure, Unavailable)

    def seconds_before_next(self, state: RetryCallState) -> float:
        """Give the seconds to wait after a failed attempt."""
        failure = state.outcome.exception() if state.outcome else None
        asked_for = (failure.retry_after if isinstance(failure, Unavailable) else None) or 0.0
        doubled = self.min_wait * 2.0 ** (state.attempt_number - 1)
        # Callers that failed together must not come back together.
        return min(float(max(doubled, asked_for)) * uniform(1, _JITTER), self.max_wait)  # noqa: S311


# For whom someone waits: a lost connection is opened again, an outage is told at once.
AT_ONCE = Retry(attempts=2, min_wait=0.05, max_wait=0.1)
# Asked whether a dependency is back: the answer counts, and no failure before it.
PROBE = Retry(attempts=1, min_wait=0, max_wait=0, patient=True)


class Upstream:
    """A dependency: its name, its address, and its failures as errors of ours."""

    def __init__(self, name: str, client: httpx.AsyncClient, watch: Watch = lambda *_: None) -> None:
        """Open the way to it; `watch` is told its name, whether it answered, and whether it is left alone."""
        self.name = name
        self._client = client
        self._watch = watch
        self._circuit = Circuit()
        self._address = lru_cache(_ADDRESSES)(lambda path: client.build_request("GET", path).url)  # joined once

    async def call(
        self, method: str, path: str, body: object = None, *, retry: Retry = AT_ONCE, timeout: float | None = None
    ) -> httpx.Response:
        """Send a request that may be repeated, and give its successful answer.

        Raises `Unavailable`, `TooSlow`, `Refused`.
        """
        patience = httpx.USE_CLIENT_DEFAULT if timeout is None else timeout
        headers, content = outgoing_headers(), None
        if body is not None:  # written by pydantic: five times faster for vectors than by httpx
            headers["Content-Type"], content = "application/json", to_json(body)
        async for attempt in retry.attempts_on_failure():
            with attempt, self._own_errors(patient=retry.patient):
                response = await self._client.request(
                    method, self._address(path), content=content, headers=headers, timeout=patience
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
    def _own_errors(self, *, patient: bool = False) -> Iterator[None]:
        """Count failures, and let nobody but the patient ask a dependency that keeps failing."""
        if not patient and (left := self._circuit.seconds_to_wait()):
            raise Unavailable(self.name, f"it keeps failing: {self._circuit.reason}", left)
        try:
            with self._translated():
                yield
        except (Unavailable, TooSlow) as err:
            self._circuit.failed(err.reason)
            self._watch(self.name, False, self._circuit.is_open)
            raise
        except Refused:
            self._circuit.worked()
            self._watch(self.name, True, False)
            raise
        self._circuit.worked()
        self._watch(self.name, True, False)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectTimeout as err:
            raise Unreachable(self.name, f"no connection to {self._client.base_url} in time") from err
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
            raise Unavailable(self.name, f"it answered {status}: {reason}", _asked_to_wait(response))
        if status in (401, 403):
            reason = "the key was not accepted"
        raise Refused(self.name, status, reason)


def _asked_to_wait(response: httpx.Response) -> float | None:
    asked: str = response.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else None


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
