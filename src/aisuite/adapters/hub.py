"""Fetch model files from the Hugging Face hub, or from what HF_ENDPOINT names."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha1, sha256
from typing import IO, TYPE_CHECKING, Any, Self

from aisuite.adapters.durable import sync_folder
from aisuite.errors import DiskFull, DownloadFailed, StateUnwritable
from aisuite.vram.gguf import part_names
from aisuite.vram.gguf_cursor import GgufInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aisuite.ports import Progress
    from aisuite.stack.model import ModelFile

_GGUF = ".gguf"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_BLOB = re.compile(r"[0-9a-f]{40}")
_CHUNK = 8 * 2**20
_SPARE = 64 * 2**20  # bytes of disk that a download leaves free
_AGAIN = "aisuite models pull"


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of a model as the hub describes it."""

    name: str
    url: str
    target: Path
    digest: str  # sha256, or for a small file the SHA-1 by which git knows it
    size: int

    @property
    def unfinished(self) -> Path:
        """Where it grows. The digest is in the name: another version never continues this one."""
        return self.target.with_name(f"{self.target.name}.{self.digest[:12]}.part")


class HuggingFaceHub:
    """Fetches model files; a split GGUF with all its parts.

    A broken download continues where it stopped. The token, if any, comes from HF_TOKEN and nowhere else.
    """

    def pull(self, model: ModelFile, progress: Progress, *, force: bool = False) -> None:
        """Fetch the model to its path; a file appears there only when its digest is right.

        Units of progress are bytes. Raises DownloadFailed, DiskFull, StateUnwritable.
        """
        with _explained(model):
            parts = [_describe(model, name) for name in _names(model)]
            wanted = [part for part in parts if force or not part.target.is_file()]
            model.path.parent.mkdir(parents=True, exist_ok=True)
            _check_space(wanted, model.path.parent)
            done, total = 0, sum(part.size for part in wanted)
            # The first part last: when the file that the profile names is there, all of them are.
            for part in reversed(wanted):
                _fetch(part, model, progress=partial(_moved, progress, done, total))
                done += part.size


def _names(model: ModelFile) -> tuple[str, ...]:
    if not model.file.endswith(_GGUF):
        return (model.file,)
    try:
        return part_names(model.file)
    except GgufInvalid as err:
        raise DownloadFailed(f"cannot fetch {_place(model)}: {err}", "correct models.*.source in the profile") from err


def _moved(progress: Progress, before: int, total: int, stage: str, done: int) -> None:
    progress(stage, before + done, total)


def _token() -> str | bool:
    return os.environ.get("HF_TOKEN") or False  # False: not even one that huggingface_hub has stored


def _describe(model: ModelFile, name: str) -> _Part:
    """Ask the hub for a file's size and digest."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    if model.repo is None:
        raise DownloadFailed(f"the model {model.model!r} names no repository to fetch it from")
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
    url = hf_hub_url(model.repo, name, revision=model.revision, endpoint=endpoint)
    found = get_hf_file_metadata(url, token=_token(), endpoint=endpoint)
    etag = found.etag or ""
    listed = etag if _SHA256.fullmatch(etag) else ""
    wanted = (model.sha256 or "").lower() if name == model.file else ""
    if wanted and listed and wanted != listed:
        raise DownloadFailed(
            f"{_place(model, name)} has the sha256 {listed}, the profile wants {wanted}",
            "correct models.*.source.sha256 or .revision in the profile",
        )
    known_to_git = etag if _GIT_BLOB.fullmatch(etag) and not name.endswith(_GGUF) else ""
    expected = wanted or listed or known_to_git
    if not expected or found.size is None:
        raise DownloadFailed(
            f"the hub gives no sha256 for {_place(model, name)}",
            "write models.*.source.sha256 into the profile"
            if name.endswith(_GGUF)
            else f"put the file at {model.path} yourself",
        )
    target = model.path if name == model.file else model.path.with_name(name)
    return _Part(name, url, target, expected, found.size)


def _check_space(parts: list[_Part], folder: Path) -> None:
    have = sum(part.unfinished.stat().st_size for part in parts if part.unfinished.exists())
    needed = sum(part.size for part in parts) - have + _SPARE
    free = shutil.disk_usage(folder).free
    if parts and free < needed:
        raise DiskFull(
            f"{', '.join(part.name for part in parts)}: {needed // 2**20} MiB are needed below {folder}, "
            f"{free // 2**20} MiB are free",
            f"df -h {folder}",
        )


def _fetch(part: _Part, model: ModelFile, progress: Callable[[str, int], None]) -> None:
    with part.unfinished.open("ab+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise DownloadFailed(f"{part.name} is being fetched by another aisuite", _AGAIN) from err
        _download(part, file, progress)
        found = _digest(part, file, progress)
        if found != part.digest:
            part.unfinished.unlink()
            kind = "sha256" if _SHA256.fullmatch(part.digest) else "git's SHA-1"
            raise DownloadFailed(
                f"{_place(model, part.name)} is not what it should be: {kind} {found}, expected {part.digest}",
                _AGAIN,
            )
        os.fsync(file.fileno())
        part.unfinished.replace(part.target)
    sync_folder(part.target.parent)


def _download(part: _Part, file: IO[bytes], progress: Callable[[str, int], None]) -> None:
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    have = file.seek(0, os.SEEK_END)
    if have > part.size:
        have = file.truncate(0)
    stage = f"downloading {part.name}"
    progress(stage, have)
    # hf_hub_download would start anew after an interruption; this call continues.
    http_get(
        part.url,
        file,
        resume_size=have,
        headers=build_hf_headers(token=_token()),
        expected_size=part.size,
        displayed_filename=part.name,
        tqdm_class=partial(_Bar, partial(progress, stage)),
    )
    file.flush()


def _digest(part: _Part, file: IO[bytes], progress: Callable[[str, int], None]) -> str:
    # The hub keeps small files in git, and tells what git calls them.
    digest = sha256() if _SHA256.fullmatch(part.digest) else sha1(b"blob %d\0" % part.size, usedforsecurity=False)
    done = 0
    file.seek(0)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        done += len(chunk)
        progress(f"checking {part.name}", done)
    return digest.hexdigest()


class _Bar:
    """What huggingface_hub takes for a progress bar."""

    def __init__(self, report: Callable[[int], None], initial: int = 0, **_: object) -> None:
        self._report, self._done = report, initial

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, count: int) -> None:
        self._done += count
        self._report(self._done)


def _place(model: ModelFile, name: str | None = None) -> str:
    return f"{model.repo}/{name or model.file}@{model.revision}"


@contextmanager
def _explained(model: ModelFile) -> Iterator[None]:
    """Say in our words what the hub, the network or the disk says."""
    # Read when the library is imported. Without it, the library tells the hub what runs on this machine.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import httpx
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()
    try:
        yield
    except HfHubHTTPError as err:  # first: it is an OSError as well
        raise DownloadFailed(f"cannot fetch {_place(model)}: {_refusal(err)}", _hint(model, err)) from err
    except (httpx.HTTPError, HFValidationError, OfflineModeIsEnabled) as err:
        reason = str(err).splitlines()[0] if str(err) else type(err).__name__
        raise DownloadFailed(
            f"cannot fetch {_place(model)}: {reason}",
            f"check the network, then: {_AGAIN}; or put the file at {model.path} yourself",
        ) from err
    except OSError as err:
        if err.errno == errno.ENOSPC:
            raise DiskFull(f"the disk is full: {model.path.parent}", f"df -h {model.path.parent}") from err
        if err.errno is None:  # huggingface_hub's own: the server ended too early
            raise DownloadFailed(f"cannot fetch {_place(model)}: the answer broke off", _AGAIN) from err
        raise StateUnwritable(f"cannot write below {model.path.parent}: {err.strerror}") from err


def _refusal(err: Any) -> str:
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(err, GatedRepoError):
        return "its licence must be accepted first"
    if isinstance(err, RepositoryNotFoundError):
        return "there is no such repository, or it is private"
    if isinstance(err, RevisionNotFoundError):
        return "the repository has no such revision"
    if isinstance(err, EntryNotFoundError):
        return "the repository has no such file"
    return f"the hub answers {err.response.status_code}"


def _hint(model: ModelFile, err: Any) -> str:
    from huggingface_hub.errors import RepositoryNotFoundError

    if isinstance(err, RepositoryNotFoundError) or err.response.status_code in {401, 403}:
        return f"see https://huggingface.co/{model.repo}, then: HF_TOKEN=<your token> {_AGAIN}"
    return "correct models.*.source in the profile, then: aisuite models list"
