"""The running suite as its clients see it: OpenAI's JSON and server-sent events over HTTP."""

from __future__ import annotations

import json
import re
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from aisuite.adapters.byte_lines import read_lines
from aisuite.errors import NotRunning, StepFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_CONNECT_TIMEOUT = 5.0
_SHOWN = 500  # characters of a body
_KEYS = re.compile(r"sk-[\w.-]+")
_DONE = "[DONE]"
_COLLECTION = re.compile(r"collection '([^']+)'")
_FIXES = {
    "embedding_model_mismatch": "aisuite rag rm {0} --all, then index it again; or run its model: "
    "services.embedding.model in the profile"
}


class HttpChat:
    """Posts to the suite on this machine: no proxy, no redirects."""

    def __init__(self) -> None:
        # The URLs are plain http. A context that trusts nobody spares the tenth of a second for reading certificates.
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client = httpx.Client(trust_env=False, verify=nobody)

    def stream(self, url: str, key: str, body: Mapping[str, Any], timeout: float) -> Iterator[dict[str, Any]]:
        """POST and yield the server-sent events' JSON bodies; `timeout` is the longest silence in seconds.

        Raises NotRunning, and StepFailed with the server's own words.
        """
        with _translated(url, key, timeout), self._open(url, key, {"json": dict(body)}, timeout) as response:
            yield from _read_bodies(response)

    def post(self, url: str, key: str, body: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """POST and return the JSON answer. Raises NotRunning, and StepFailed with the server's own words."""
        with _translated(url, key, timeout), self._open(url, key, {"json": dict(body)}, timeout) as response:
            response.read()
            if response.is_error:
                raise _refusal(response)
            return _parse(response.text)

    def post_files(
        self, url: str, key: str, fields: Mapping[str, str], files: Sequence[tuple[str, bytes]], timeout: float
    ) -> dict[str, Any]:
        """POST a form with files. Raises NotRunning, and StepFailed with the server's own words."""
        form = {"data": dict(fields), "files": [("files", one) for one in files]}
        with _translated(url, key, timeout), self._open(url, key, form, timeout) as response:
            response.read()
            if response.is_error:
                raise _refusal(response)
            return _parse(response.text)

    def follow(self, url: str, key: str, timeout: float) -> Iterator[dict[str, Any]]:
        """GET and yield as `stream` does."""
        with _translated(url, key, timeout), self._open(url, key, {}, timeout, "GET") as response:
            yield from _read_bodies(response)

    def delete(self, url: str, key: str, timeout: float) -> None:
        """DELETE. Raises NotRunning, and StepFailed with the server's own words."""
        with _translated(url, key, timeout), self._open(url, key, {}, timeout, "DELETE") as response:
            if response.is_error:
                response.read()
                raise _refusal(response)

    @contextmanager
    def _open(
        self, url: str, key: str, content: Mapping[str, Any], timeout: float, verb: str = "POST"
    ) -> Iterator[httpx.Response]:
        headers = {"Authorization": f"Bearer {key}"}
        limits = httpx.Timeout(timeout, connect=min(timeout, _CONNECT_TIMEOUT))
        with self._client.stream(verb, url, **content, headers=headers, timeout=limits) as response:
            yield response


def _read_bodies(response: httpx.Response) -> Iterator[dict[str, Any]]:
    if response.is_error:
        response.read()
        raise _refusal(response)
    for data in read_events(response.iter_bytes()):
        if data == _DONE:
            return
        yield _parse(data)


def read_events(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the data of each server-sent event, as its specification splits them (WHATWG HTML, 9.2.6)."""
    data: list[str] = []
    for line in read_lines(chunks):
        if not line:
            if data:
                yield "\n".join(data)
            data = []
        elif line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
    if data:
        yield "\n".join(data)  # a server that forgets the last empty line


@contextmanager
def _translated(url: str, key: str, timeout: float) -> Iterator[None]:
    """Turn what httpx raises, and what the server says, into our errors; no key stands in any of them."""
    address = httpx.URL(url).copy_with(path="/", query=None)
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as err:
        raise NotRunning(f"nothing answers at {address}", "aisuite status") from err
    except httpx.TimeoutException as err:
        raise StepFailed(f"{address} was silent for {timeout:g} s", "aisuite status") from err
    except httpx.HTTPError as err:
        raise StepFailed(f"the answer of {address} broke off: {err}", "aisuite status") from err
    except StepFailed as err:
        raise StepFailed(_hide(err.message, key), err.hint) from err


def _hide(text: str, key: str) -> str:
    return _KEYS.sub("sk-…", text.replace(key, "…") if key else text)


def _parse(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as err:
        raise StepFailed(f"the server sent something that is not JSON: {text[:_SHOWN]}") from err
    if not isinstance(content, dict):
        raise StepFailed(f"the server sent something that is not an object: {text[:_SHOWN]}")
    if content.get("error"):
        message = _find_message(content)
        raise StepFailed(f"the server reports: {message}", _find_fix(content, message))
    return content


def _refusal(response: httpx.Response) -> StepFailed:
    fix = None
    try:
        content = response.json()
        message = _find_message(content)
        fix = _find_fix(content, message)
    except ValueError:
        message = " ".join(response.text.split())[:_SHOWN]
    return StepFailed(f"the server refused (HTTP {response.status_code}): {message or 'it did not say why'}", fix)


def _find_fix(content: Any, message: str) -> str | None:
    """Return the command that helps against an error of our own services, by its code; their words are of HTTP."""
    error = content.get("error") if isinstance(content, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    named = _COLLECTION.search(message)
    fix = _FIXES.get(str(code))
    return None if fix is None else fix.format(named[1] if named else "NAME")


def _find_message(content: Any) -> str:
    """Return the words of an error body: OpenAI's form, FastAPI's, Qdrant's, or the whole."""
    if isinstance(content, dict):
        for name in ("error", "message", "detail", "status"):
            if content.get(name):
                return _find_message(content[name])
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)[:_SHOWN]
