"""What is asked of an engine before it is known what shall run. Files can be rendered without any: none is no fault."""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Protocol

from aisuite.adapters.docker_client import api_version, connect
from aisuite.adapters.docker_engine.local_socket import LocalReader, find_local_socket
from aisuite.errors import AisuiteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aisuite.stack.image_lock import Locked

_SILENCE = (AisuiteError, HTTPException, OSError, ValueError)


class _Asked(Protocol):
    def api_version(self) -> tuple[int, int]: ...

    def image(self, reference: str) -> dict[str, Any] | None: ...


def find_api_version(*, ask_afar: bool) -> tuple[int, int] | None:
    """Return the newest API that the engine speaks; None when nobody answers.

    An engine on this machine answers within a millisecond or two; any other is asked only when told so.
    """
    with suppress(*_SILENCE), _engine(ask_afar=ask_afar) as engine:
        return None if engine is None else engine.api_version()
    return None


def find_loaded(lock: Mapping[str, Locked], *, ask_afar: bool) -> frozenset[str]:
    """Return which locked images came in a file: their id is the lock's, but the engine knows no digest of a registry.

    By the digest such an image cannot be started. Where nobody answers, none came in a file.
    """
    with suppress(*_SILENCE), _engine(ask_afar=ask_afar) as engine:
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
