"""What is asked of an engine before it is known what shall run. Files can be rendered without any: none is no fault."""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Protocol

from aisuite.adapters.docker_client import api_version, connect
from aisuite.adapters.docker_engine.local_socket import LocalReader, find_local_socket
from aisuite.errors import AisuiteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aisuite.stack.image_lock import Locked

_SILENCE = (AisuiteError, HTTPException, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What a stack must know of its engine. None and empty: not asked, or nobody answered."""

    api: tuple[int, int] | None = None
    cpus: int | None = None
    cdi_devices: frozenset[str] = frozenset()
    rootless: bool = False  # its root is this user: nobody else in its containers is


class _Asked(Protocol):
    def api_version(self) -> tuple[int, int]: ...

    def info(self) -> dict[str, Any]: ...

    def image(self, reference: str) -> dict[str, Any] | None: ...


def ask_engine(*, will_run: bool) -> EngineFacts:
    """Return the facts of the engine that `will_run` the stack.

    Of another one, whose files are rendered only, the version is asked if it is on this machine: within milliseconds.
    """
    with suppress(*_SILENCE), _engine(ask_afar=will_run) as engine:
        if engine is not None:
            return _facts(engine.api_version(), engine.info() if will_run else {})
    return EngineFacts()


def _facts(api: tuple[int, int], info: Mapping[str, Any]) -> EngineFacts:
    devices = (one for one in info.get("DiscoveredDevices") or () if one.get("Source") == "cdi")
    cards = frozenset(str(one.get("ID")) for one in devices)
    return EngineFacts(api, info.get("NCPU") or None, cards, rootless=is_rootless(info))


def is_rootless(info: Mapping[str, Any]) -> bool:
    """Whether an engine's root is an ordinary user of its machine, from what it says of itself."""
    options = info.get("SecurityOptions") or ()
    return "name=rootless" in options or info.get("Rootless") is True  # the latter is Podman's


def find_loaded(lock: Mapping[str, Locked], *, will_run: bool) -> frozenset[str]:
    """Return which locked images came in a file: their id is the lock's, but the engine knows no digest of a registry.

    By the digest such an image cannot be started. Where nobody answers, none came in a file.
    """
    with suppress(*_SILENCE), _engine(ask_afar=will_run) as engine:
        if engine is not None:
            return frozenset(one for one, locked in lock.items() if _came_in_a_file(engine.image(one), locked))
    return frozenset()


def _came_in_a_file(image: dict[str, Any] | None, locked: Locked) -> bool:
    if image is None or image["Id"] != locked.id:
        return False
    return not any(known.endswith(f"@{locked.digest}") for known in image.get("RepoDigests") or ())


class _Afar:
    """Asks through the SDK."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def api_version(self) -> tuple[int, int]:
        return api_version(self._client)

    def info(self) -> dict[str, Any]:
        found: dict[str, Any] = self._client.info()
        return found

    def image(self, reference: str) -> dict[str, Any] | None:
        from docker.errors import ImageNotFound

        try:
            found: dict[str, Any] = self._client.inspect_image(reference)
        except ImageNotFound:
            return None
        return found


@contextmanager
def _engine(*, ask_afar: bool) -> Iterator[_Asked | None]:
    path = find_local_socket()
    if path is not None:
        with closing(LocalReader(path)) as reader:
            yield reader
    elif ask_afar:
        with closing(connect()) as client:
            yield _Afar(client)
    else:
        yield None
