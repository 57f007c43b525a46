"""A suite that answers what a test has laid down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aisuite.errors import AisuiteError, NotRunning


@dataclass(frozen=True)
class Sent:
    """One request as the fake got it."""

    url: str
    key: str
    body: dict[str, Any]


class FakeChat:
    """`answers` maps a URL to its events (`stream`), its one body (`post`), or an error to raise after them.

    What is not in it does not run. `deleted` are the URLs that were asked to go.
    """

    def __init__(self, answers: Mapping[str, Sequence[dict[str, Any] | AisuiteError]] | None = None) -> None:
        self._answers = dict(answers or {})
        self.sent: list[Sent] = []
        self.deleted: list[str] = []

    def stream(self, url: str, key: str, body: Mapping[str, Any], timeout: float) -> Iterator[dict[str, Any]]:
        self.sent.append(Sent(url, key, dict(body)))
        if url not in self._answers:
            raise NotRunning(f"nothing answers at {url}")
        for answer in self._answers[url]:
            if isinstance(answer, AisuiteError):
                raise answer
            yield answer

    def post(self, url: str, key: str, body: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        return next(self.stream(url, key, body, timeout))

    def post_files(
        self, url: str, key: str, fields: Mapping[str, str], files: Sequence[tuple[str, bytes]], timeout: float
    ) -> dict[str, Any]:
        return self.post(url.partition("?")[0], key, {**fields, "files": dict(files)}, timeout)

    def follow(self, url: str, key: str, timeout: float) -> Iterator[dict[str, Any]]:
        return self.stream(url, key, {}, timeout)

    def delete(self, url: str, key: str, timeout: float) -> None:
        self.post(url, key, {}, timeout)
        self.deleted.append(url)
