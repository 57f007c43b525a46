"""What an OpenAI client reads."""

from __future__ import annotations

import time
from typing import Any

from starlette.responses import JSONResponse

WORDS = ("Hello", " from", " the", " stand-in", ".")

_ID = "chatcmpl-stub"
_MESSAGES = {
    429: ("too many requests", "rate_limit_error"),
    500: ("the stand-in fails as it was told to", "server_error"),
    503: ("Loading model", "unavailable_error"),
}


def completion(model: str) -> dict[str, Any]:
    """Return a whole answer."""
    message = {"role": "assistant", "content": "".join(WORDS)}
    return {
        "id": _ID,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": len(WORDS), "total_tokens": 1 + len(WORDS)},
    }


def chunk(model: str, delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    """Return one piece of a stream."""
    return {
        "id": _ID,
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    }


def refusal(status: int) -> JSONResponse:
    """Return an error as llama-server words it."""
    message, kind = _MESSAGES[status]
    return JSONResponse({"error": {"code": status, "message": message, "type": kind}}, status_code=status)
