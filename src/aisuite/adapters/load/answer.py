"""What one client makes of one answer: whether it is whole, and if not, how it can tell."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import httpx

from aisuite.drill.model import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHOWN = 160  # characters of a server's words: enough to tell, few enough to count alike what is alike
_DONE = b"[DONE]"


class Answer:
    """One answer as it comes in."""

    def __init__(self, kind: str, key: str) -> None:
        self._kind, self._key = kind, key
        self._start = time.monotonic()
        self._first_byte: float | None = None
        self._status: int | None = None
        self._server: str | None = None
        self._complete = False
        self._error: str | None = None

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the status and the headers."""
        self._status = status
        self._server = headers.get("x-litellm-model-id")

    def note_bytes(self) -> None:
        """Note that something of the body has come."""
        if self._first_byte is None:
            self._first_byte = time.monotonic()

    def read(self, body: bytes) -> None:
        """Take a whole body."""
        content = _parse(body)
        if self._status != httpx.codes.OK:
            self._error = self._words(_find_message(content) or "it did not say why")
        elif not isinstance(content, dict):
            self._error = "the answer is no JSON object"
        elif content.get("error"):
            self._error = self._words(_find_message(content))
        else:
            self._complete = bool(content.get("hits" if self._kind == "rag" else "choices"))
            self._error = None if self._complete else "the answer is empty"

    def hear(self, data: bytes) -> None:
        """Take one event of a stream."""
        content = _parse(data)
        if data == _DONE or _finishes(content):
            self._complete = True
        elif isinstance(content, dict) and content.get("error"):
            self._error = self._words(_find_message(content) or "an error event")

    def end_stream(self) -> None:
        """Note that nothing more comes; a stream that said neither that it is whole nor why not has no words."""
        if not self._complete and self._error is None:
            self._error = ""

    def give_up(self, why: str) -> None:
        """Note that the client has waited long enough. A stream that has begun just fell silent."""
        self._error = "" if self._kind == "stream" and self._first_byte is not None else why

    def break_off(self, err: httpx.HTTPError) -> None:
        """Note that the connection failed; what an error event has said before counts more."""
        if isinstance(err, httpx.ConnectError):
            self._error = "nothing listens there"
        elif not self._error:
            self._error = f"the connection broke off: {self._words(str(err)) or type(err).__name__}"

    def as_request(self, zero: float) -> Request:
        """Return what was seen until now, in seconds from `zero`."""
        first_byte = None if self._first_byte is None else self._first_byte - zero
        return Request(
            kind=self._kind,
            start=self._start - zero,
            first_byte=first_byte,
            end=time.monotonic() - zero,
            status=self._status,
            server=self._server,
            complete=self._complete,
            error=self._error,
        )

    def _words(self, text: str) -> str:
        """Return a server's own words on one line, without the key."""
        return " ".join(text.replace(self._key, "…").split())[:_SHOWN] if self._key else " ".join(text.split())[:_SHOWN]


def _parse(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text.decode(errors="replace")


def _finishes(content: Any) -> bool:
    """Whether a chunk of a chat completion is its last with text."""
    choices = content.get("choices") if isinstance(content, dict) else None
    return isinstance(choices, list) and any(isinstance(one, dict) and one.get("finish_reason") for one in choices)


def _find_message(content: Any) -> str:
    """Return the words of an error body: OpenAI's form, our services' form, or the whole."""
    if isinstance(content, dict):
        for name in ("error", "message", "detail"):
            if content.get(name):
                return _find_message(content[name])
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
