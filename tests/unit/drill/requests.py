"""Requests made by hand."""

from __future__ import annotations

from dataclasses import replace

from aisuite.drill.model import Request

FIRST, SECOND = "chat-7b--inference-chat", "chat-7b--inference-code"


def good(start: float, took: float = 0.1, *, kind: str = "plain", server: str | None = FIRST) -> Request:
    """Return a request that was answered."""
    return Request(kind, start, start + took / 2, start + took, 200, server, complete=True)


def bad(start: float, took: float = 0.1, *, kind: str = "plain", error: str | None = "refused") -> Request:
    """Return a request that was not."""
    return replace(good(start, took, kind=kind, server=None), status=None, complete=False, error=error)
