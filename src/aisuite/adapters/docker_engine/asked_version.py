"""Which Engine API is spoken where a stack shall run, asked before there is anything to run."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPException

from aisuite.adapters.docker_client import api_version, connect
from aisuite.adapters.docker_engine.local_socket import LocalReader, find_local_socket
from aisuite.errors import AisuiteError


def find_api_version(*, ask_afar: bool) -> tuple[int, int] | None:
    """Return the newest API that the engine speaks; None when nobody answers: files can be rendered without any.

    An engine on this machine answers within a millisecond or two; any other is asked only when told so.
    """
    path = find_local_socket()
    try:
        if path is not None:
            with closing(LocalReader(path)) as reader:
                return reader.api_version()
        if ask_afar:
            with closing(connect()) as client:
                return api_version(client)
    except (AisuiteError, HTTPException, OSError, ValueError):
        return None
    return None
