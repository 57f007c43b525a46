"""The running suite as its clients see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe got. `ready` is true for status 200; `reason` says in words why not."""

    ready: bool
    status: int | None
    reason: str
    seconds: float
    told: Any = None  # the body as JSON, whatever the status; None when it is none, or long


class Probe(Protocol):
    """Asks a service over HTTP whether it is ready."""

    def ask(self, url: str, timeout: float = 2.0) -> Answer:
        """GET the URL once. Never raises for what the network does."""

    def read(self, url: str, key: str, timeout: float = 2.0) -> Any:
        """GET what a service tells as JSON to whoever has its key; None when it does not. Never raises for that."""


class Chat(Protocol):
    """Talks to the running suite as a client."""

    def stream(self, url: str, key: str, body: Mapping[str, Any], timeout: float) -> Iterator[dict[str, Any]]:
        """POST and yield the server-sent events' JSON bodies. Raises NotRunning, StepFailed."""

    def post(self, url: str, key: str, body: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """POST and return the JSON answer. Raises NotRunning, StepFailed."""

    def post_files(
        self, url: str, key: str, fields: Mapping[str, str], files: Sequence[tuple[str, bytes]], timeout: float
    ) -> dict[str, Any]:
        """POST a form with files, each a name and its content. Raises NotRunning, StepFailed."""

    def follow(self, url: str, key: str, timeout: float) -> Iterator[dict[str, Any]]:
        """GET and yield the server-sent events' JSON bodies. Raises as `stream`."""

    def delete(self, url: str, key: str, timeout: float) -> None:
        """DELETE; what is not there is refused, too. Raises NotRunning, StepFailed."""
