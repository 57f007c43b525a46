"""What the container engine says about itself, its images and the containers of a project."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisuite.adapters.docker_client import connect, engine_address
from aisuite.errors import EngineUnavailable
from aisuite.preflight.snapshot import Docker

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMITS = {"MemoryLimit": "memory", "CpuCfsQuota": "cpus", "PidsLimit": "processes"}
_CUDA_NEED = re.compile(r"\bcuda>=(\d+\.\d+)")
_COMPOSE_TIMEOUT = 10.0


class DockerFacts:
    """The engine that the docker command would ask."""

    def __init__(self) -> None:
        import docker.errors  # noqa: F401  now: threads that import it at the same time meet it half-made

    def describe(self) -> Docker:
        """Return what it says about itself; an engine that does not answer is `fault`."""
        from docker.errors import DockerException

        try:
            with closing(connect()) as client:
                began = time.time()
                info = client.info()
                now = (began + time.time()) / 2
        except EngineUnavailable as err:
            return Docker(fault=err.message, fix=err.hint)
        except (DockerException, OSError) as err:
            return Docker(fault=f"the engine does not answer: {err}", fix="docker info")
        return describe(info, now, root_free=_free(info), compose=_compose_version())

    def oldest_cuda(self, image: str) -> str | None:
        """Return the oldest CUDA that an image here runs with, as it says itself: "12.4". None: it does not say."""
        from docker.errors import DockerException

        try:
            with closing(connect()) as client:
                found = client.inspect_image(image)
        except (EngineUnavailable, DockerException, OSError):
            return None
        return oldest_cuda(found.get("Config") or {})

    def afar(self, image: str) -> str:
        """Ask the image's registry for it, and fetch nothing; return why it does not give it, "" when it does."""
        from docker.errors import DockerException

        try:
            with closing(connect()) as client:
                client.inspect_distribution(image)
        except EngineUnavailable as err:
            return err.message
        except (DockerException, OSError) as err:
            return str(getattr(err, "explanation", None) or err)
        return ""


def describe(info: Mapping[str, Any], now: float, *, root_free: int | None, compose: str | None) -> Docker:
    """Read what an engine says of itself at `now`, by the clock of this machine."""
    devices = (one for one in info.get("DiscoveredDevices") or () if one.get("Source") == "cdi")
    return Docker(
        version=str(info.get("ServerVersion") or ""),
        compose=compose,
        root=str(info.get("DockerRootDir") or ""),
        root_free=root_free,
        lacks=tuple(word for name, word in _LIMITS.items() if info.get(name) is False),
        cpus=int(info.get("NCPU") or 0),
        memory=int(info.get("MemTotal") or 0),
        runtimes=frozenset(info.get("Runtimes") or ()),
        cdi_devices=frozenset(str(one.get("ID")) for one in devices),
        ahead=_ahead(info.get("SystemTime"), now),
    )


def oldest_cuda(config: Mapping[str, Any]) -> str | None:
    """Read an image's configuration: NVIDIA's images name in a variable what their driver must be able to run."""
    variables = dict(one.partition("=")[::2] for one in config.get("Env") or ())
    found = _CUDA_NEED.search(variables.get("NVIDIA_REQUIRE_CUDA", ""))
    if found:
        return found[1]
    version = re.match(r"\d+\.\d+", variables.get("CUDA_VERSION", ""))
    return version[0] if version else None


def _ahead(text: object, now: float) -> float | None:
    """Return by how many seconds the engine's clock is ahead; None where it does not tell the time."""
    try:
        return datetime.fromisoformat(str(text)).timestamp() - now
    except ValueError:
        return None


def _free(info: Mapping[str, Any]) -> int | None:
    """Return the bytes free where the engine keeps everything; None when that is not this machine's disk."""
    root = Path(str(info.get("DockerRootDir") or ""))
    if not engine_address().startswith(("unix://", "http+unix://")) or "Desktop" in str(info.get("OperatingSystem")):
        return None
    try:
        return shutil.disk_usage(root).free
    except OSError:
        return None


def _compose_version() -> str | None:
    for words in (("docker", "compose"), ("docker-compose",)):
        try:
            done = subprocess.run(
                [*words, "version", "--short"], capture_output=True, text=True, timeout=_COMPOSE_TIMEOUT, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return done.stdout.strip().removeprefix("v")
    return None
