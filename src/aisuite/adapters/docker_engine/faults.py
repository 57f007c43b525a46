"""What the engine's refusals mean, and what to do about them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING

from aisuite.adapters.docker_client import unreachable
from aisuite.errors import (
    AisuiteError,
    DiskFull,
    GpuUnavailable,
    PortTaken,
    StepFailed,
)

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class _Sign:
    """A pattern in the engine's message and what it means; texts may use {service} and the pattern's groups."""

    pattern: re.Pattern[str]
    kind: type[AisuiteError]
    message: str
    hint: str


def _sign(pattern: str, kind: type[AisuiteError], message: str, hint: str) -> _Sign:
    return _Sign(re.compile(pattern, re.IGNORECASE | re.DOTALL), kind, message, hint)


# In order: the first that matches wins, so the specific stand before the general.
_SIGNS = (
    _sign(r"no such image:? (?P<image>[^\s\"]+)", StepFailed,
          "{service}: its image {image} is not on this machine", "aisuite images pull"),
    _sign(r"unsatisfied condition: (?P<needs>cuda ?>= ?[\d.]+)", GpuUnavailable,
          "{service}: the card's driver is too old for its image, which needs {needs}",
          "see the driver: nvidia-smi; or set images.llama_gpu to an older one"),
    _sign(r"could not select device driver|nvidia-container-cli|unknown device|unresolvable CDI", GpuUnavailable,
          "{service}: Docker gives containers no card here: {text}",
          "install the NVIDIA Container Toolkit, or: aisuite up --profile phase2-cpu"),
    _sign(r"(?:bind for|listen tcp\d?) (?P<where>\S+?:\d+).*(?:already allocated|already in use)", PortTaken,
          "{service}: its port {where} is taken", "find the holder: ss -ltnp, docker ps"),
    _sign(r"(?:port is already allocated|address already in use)", PortTaken,
          "{service}: its port is taken", "find the holder: ss -ltnp, docker ps"),
    _sign(r"cannot assign requested address", StepFailed,
          "{service}: this machine has no such address to publish its port on: {text}", "aisuite config show"),
    _sign(r"no space left on device|disk quota exceeded", DiskFull,
          "{service}: the disk is full", "see what Docker holds: docker system df"),
    _sign(r"bind source path does not exist: (?P<path>.+)", StepFailed,
          "{service}: {path} is not on the machine that Docker runs on", "ls -la {path}"),
    _sign(r"range of CPUs is from \S+ to (?P<most>[\d.]+)", StepFailed,
          "{service}: its limit of CPUs is above the {most} that Docker has",
          "lower its cpus in the profile, then: aisuite up"),
    _sign(r"container name \"?/?(?P<name>[^\s\"]+?)\"? is already in use", StepFailed,
          "{service}: a container that is not of this project is called {name}", "docker rename {name} {name}-old"),
    _sign(r"network (?P<network>\S+) not found", StepFailed,
          "{service}: the project's network {network} is not there", "aisuite up"),
)  # fmt: skip


def explain(service: str, text: str) -> AisuiteError:
    """Return the error that a refusal of the engine means for a service."""
    text = text.strip()
    for sign in _SIGNS:
        match = sign.pattern.search(text)
        if match is not None:
            words = {"service": service, "text": text, **match.groupdict()}
            return sign.kind(sign.message.format(**words), sign.hint.format(**words))
    return StepFailed(f"{service}: Docker refuses: {text}", f"docker ps -a --filter name={service}")


class translated:  # noqa: N801  it reads as a word of the `with` statement
    """Turn the SDK's errors into ours; `subject` is the service, or "the project", that it is about.

    The SDK is looked at only when something went wrong: what did not need it shall not wait for its import.
    """

    def __init__(self, subject: str) -> None:
        self._subject = subject

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _: type[BaseException] | None, err: BaseException | None, __: TracebackType | None) -> None:
        """Raise what the error means."""
        if err is None or isinstance(err, AisuiteError):
            return
        from docker.errors import APIError, DockerException
        from urllib3.exceptions import HTTPError

        if isinstance(err, APIError):
            raise explain(self._subject, str(err.explanation or err)) from err
        # What `requests` raises is an OSError.
        if isinstance(err, DockerException | HTTPError | HTTPException | OSError):
            raise unreachable(err) from err
