"""Say in our words what Docker, a registry or the disk says about images."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aisuite.adapters.docker_client import unreachable
from aisuite.errors import AisuiteError, DiskFull, DownloadFailed, StepFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_SPACE = re.compile(r"no space left on device|not enough space|disk quota exceeded", re.IGNORECASE)
_DENIED = re.compile(r"denied|unauthorized|authentication required|403 forbidden", re.IGNORECASE)
_UNKNOWN = re.compile(r"manifest unknown|not found|no such image|name unknown", re.IGNORECASE)
_TOO_MANY = re.compile(r"toomanyrequests|rate limit", re.IGNORECASE)
_TIDY = "docker system df   # then: docker image prune"


@contextmanager
def answering() -> Iterator[None]:
    """Turn an engine that goes away into EngineUnavailable, and what it refuses into StepFailed or DiskFull."""
    import requests
    from docker.errors import APIError, DockerException

    try:
        yield
    except APIError as err:
        raise _refused(str(err.explanation or err)) from err
    except (DockerException, requests.RequestException) as err:
        raise unreachable(err) from err


def pull_failure(reference: str, reason: str) -> AisuiteError:
    """Return the error for a pull that a registry or the engine refuses."""
    first = reason.strip().splitlines()[0] if reason.strip() else "no reason given"
    message = f"cannot fetch {reference}: {first}"
    if _NO_SPACE.search(reason):
        return DiskFull(message, _TIDY)
    if _DENIED.search(reason):
        registry = reference.split("/")[0] if "." in reference.split("/")[0] else "docker.io"
        return DownloadFailed(message, f"check the name; for a private image: docker login {registry}")
    if _UNKNOWN.search(reason):
        return DownloadFailed(message, "correct images.* in the profile, then: aisuite images list")
    if _TOO_MANY.search(reason):
        return DownloadFailed(message, "docker login   # or wait; a registry limits those it does not know")
    return DownloadFailed(
        message, "check the network, then: aisuite images pull; without one: aisuite images load FOLDER"
    )


def build_failure(reference: str, reason: str, last: str) -> AisuiteError:
    """Return the error for a build that stopped, with the step at which it did."""
    message = f"cannot build {reference}: {reason.strip()}" + (f"\n  at {last}" if last else "")
    return DiskFull(message, _TIDY) if _NO_SPACE.search(reason) else StepFailed(message, "aisuite images build --force")


def _refused(reason: str) -> AisuiteError:
    return (
        DiskFull(reason, _TIDY) if _NO_SPACE.search(reason) else StepFailed(f"Docker refuses: {reason}", "docker info")
    )
