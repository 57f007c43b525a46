"""The header of a model on the Hugging Face hub, or on what HF_ENDPOINT names, by HTTP ranges."""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from aisuite.errors import DownloadFailed, ModelMissing, UsageError
from aisuite.vram.gguf import Header, joined, parse_header, part_names

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOURCE = re.compile(
    r"hf:(?P<repo>[\w.-]+/[\w.-]+)/(?P<file>(?:[\w.+-]+/)*[\w.+-]+)(?:@(?P<revision>[\w.-]+(?:/[\w.-]+)*))?",
    re.ASCII,
)
_HUB = "https://huggingface.co"
_FIRST_WINDOW = 2 * 2**20  # bytes; doubled with each request: most headers take two or three
_LARGEST_WINDOW = 16 * 2**20
_CHUNK = 64 * 2**10
_SILENCE = 20.0  # seconds
_PATIENCE = 120.0  # seconds, for all parts together
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Source:
    """A file of a repository."""

    repo: str
    file: str
    revision: str

    @classmethod
    def parse(cls, text: str) -> Source:
        """Read "hf:owner/repo/file.gguf[@revision]". Raises UsageError."""
        match = _SOURCE.fullmatch(text)
        if match is None or any(set(part) == {"."} for part in re.split(r"[/@:]", text)):
            raise UsageError(
                f"{text[:200]!r} names no model on the hub",
                "aisuite plan --model hf:Qwen/Qwen2.5-3B-Instruct-GGUF/qwen2.5-3b-instruct-q4_k_m.gguf",
            )
        return cls(match["repo"], match["file"], match["revision"] or "main")

    def part(self, name: str) -> str:
        """Return the address of a file in the same folder of the repository."""
        endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or _HUB
        folder, slash, _ = self.file.rpartition("/")
        return f"{endpoint}/{self.repo}/resolve/{self.revision.replace('/', '%2F')}/{folder}{slash}{name}"


def remote_header(text: str) -> Header:
    """Read the header of a model, of a split one with all its parts.

    Raises UsageError, ModelMissing, DownloadFailed, and GgufInvalid from the header.
    """
    source = Source.parse(text)
    names = part_names(source.file.rpartition("/")[2])
    token = os.environ.get("HF_TOKEN")
    headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})
    deadline = time.monotonic() + _PATIENCE
    with _explained(text, source), httpx.Client(headers=headers, timeout=_SILENCE, follow_redirects=True) as client:
        parts = []
        for name in names:
            file = _RemoteFile(client, source.part(name), deadline)
            parts.append(parse_header(file.read, file.size()))
        return joined(parts)


class _Unusable(Exception):
    """An answer that is no part of a file, in words."""


class _RemoteFile:
    """A file that is read from its beginning, in growing windows."""

    def __init__(self, client: httpx.Client, url: str, deadline: float) -> None:
        self._client, self._url, self._deadline = client, url, deadline
        self._start, self._bytes = 0, b""
        self._window = _FIRST_WINDOW
        self._size: int | None = None

    def size(self) -> int:
        """Return the size of the whole file."""
        if self._size is None:
            self._bytes = self._fetched(0, 1)
        return self._size or 0

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes there; from behind the last window on, the next one is fetched."""
        known = self._bytes[offset - self._start :] if self._start <= offset else b""
        if len(known) < size:
            self._start, self._bytes = offset, known + self._fetched(offset + len(known), size - len(known))
            known = self._bytes
        return known[:size]

    def _fetched(self, offset: int, least: int) -> bytes:
        wanted = max(least, self._window)
        self._window = min(2 * self._window, _LARGEST_WINDOW)
        asked = {"Range": f"bytes={offset}-{offset + wanted - 1}"}
        with self._client.stream("GET", self._url, headers=asked) as answer:
            answer.raise_for_status()
            self._size = self._checked_size(answer, offset)
            body = self._body(answer, wanted)
        if len(body) < min(least, self._size - offset):
            raise _Unusable("the server gave less than it was asked for")
        return body

    def _checked_size(self, answer: httpx.Response, offset: int) -> int:
        """Return the file's size from an answer that is the asked part of it."""
        match = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if answer.status_code != httpx.codes.PARTIAL_CONTENT or match is None or int(match[1]) != offset:
            raise _Unusable("the server gives no parts of files")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise _Unusable("the server packs what it sends")
        if self._size not in (None, int(match[3])):
            raise _Unusable("the file changed meanwhile")
        return int(match[3])

    def _body(self, answer: httpx.Response, most: int) -> bytes:
        body = bytearray()
        for chunk in answer.iter_raw(_CHUNK):
            body += chunk
            if len(body) >= most:
                break
            if time.monotonic() > self._deadline:
                raise _Unusable(f"the server is too slow: more than {_PATIENCE:.0f} s")
        return bytes(body[:most])


@contextmanager
def _explained(text: str, source: Source) -> Iterator[None]:
    """Say in our words what the hub or the network says; the token stands in none of them."""
    page = f"https://huggingface.co/{source.repo}"
    try:
        yield
    except httpx.HTTPStatusError as err:
        status = err.response.status_code
        if status == httpx.codes.NOT_FOUND:
            raise ModelMissing(f"{text}: the hub has no such file", (Path(source.file),), f"see {page}") from err
        if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            hint = f"see {page}, then: HF_TOKEN=<your token> aisuite plan --model {text}"
            raise DownloadFailed(f"{text}: no such repository, or it is not open to you ({status})", hint) from err
        raise DownloadFailed(f"{text}: the hub answers {status}", f"see {page}") from err
    except _Unusable as err:
        raise DownloadFailed(f"{text}: {err}", f"fetch the file, then: aisuite plan --model {source.file}") from err
    except (httpx.HTTPError, httpx.InvalidURL) as err:
        reason = str(err).splitlines()[0] if str(err) else type(err).__name__
        raise DownloadFailed(f"{text} cannot be read: {reason}", "check the network and HF_ENDPOINT") from err
