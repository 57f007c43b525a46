"""The rendered files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from aisuite.stack.model import Stack


class Renderer(Protocol):
    """Turns a stack into files."""

    def render(self, stack: Stack) -> dict[str, str]:
        """Return {path relative to the project folder: text}. The same stack gives the same bytes."""
