"""/collections/{name}/snapshots."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal
from uuid import uuid4

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from aisuite.services.vectordb.api.answer import RawBody, Store, StoreDep, answer, answer_body
from aisuite.services.vectordb.errors import BadRequest
from aisuite.services.vectordb.multipart import FileField, parse_boundary
from aisuite.services.vectordb.wire import Body

FIELD = "snapshot"

_BLOCK = 1 << 20  # bytes at once: in smaller ones a large snapshot takes twice as long

router = APIRouter(prefix="/collections/{name}/snapshots")


class Recover(Body):
    """The body of `PUT .../snapshots/recover`."""

    location: str
    checksum: str | None = None
    # With one copy of the data there is nothing to prefer.
    priority: Literal["no_sync", "snapshot", "replica"] | None = None
    api_key: str | None = None


@router.get("")
async def list_snapshots(name: str, store: StoreDep) -> Response:
    """Name the snapshots of a collection."""
    return await answer(lambda: store.snapshots.list(store.catalogue.find(name).name))


@router.post("")
async def create_snapshot(name: str, store: StoreDep) -> Response:
    """Make one."""
    return await answer(lambda: store.snapshots.create(store.catalogue.find(name)))


@router.get("/{snapshot}")
async def download_snapshot(name: str, snapshot: str, store: StoreDep) -> Response:
    """Give the file."""
    path = await run_in_threadpool(lambda: store.snapshots.path(store.catalogue.resolve(name), snapshot))
    response = FileResponse(path, filename=path.name, media_type="application/octet-stream")
    response.chunk_size = _BLOCK
    return response


@router.delete("/{snapshot}")
async def delete_snapshot(name: str, snapshot: str, store: StoreDep) -> Response:
    """Remove one."""

    def delete() -> bool:
        store.snapshots.delete(store.catalogue.resolve(name), snapshot)
        return True

    return await answer(delete)


@router.put("/recover")
async def recover_from_snapshot(name: str, raw: RawBody, store: StoreDep) -> Response:
    """Go back to a snapshot that lies in this store."""

    def recover(body: Recover) -> bool:
        archive = store.snapshots.locate(store.catalogue.resolve(name), body.location)
        return _recover(store, name, archive, body.checksum or store.snapshots.known_checksum(archive))

    return await answer_body(Recover, raw, recover)


@router.post("/upload")
async def recover_from_upload(name: str, request: Request, store: StoreDep, checksum: str | None = None) -> Response:
    """Take a snapshot file and go back to it."""
    async with _uploaded(request, store) as archive:
        return await answer(lambda: _recover(store, name, archive, checksum))


def _recover(store: Store, name: str, archive: Path, checksum: str | None) -> bool:
    with store.snapshots.unpacked(archive, checksum) as unpacked:
        store.catalogue.recover(name, unpacked)
    return True


@contextlib.asynccontextmanager
async def _uploaded(request: Request, store: Store) -> AsyncIterator[Path]:
    """Keep the uploaded file while it is worked on."""
    boundary = parse_boundary(request.headers.get("content-type", ""))
    path = store.catalogue.scratch / f"upload-{uuid4().hex}"
    try:
        with path.open("xb") as file:
            field = FileField(boundary, FIELD, file)
            async for chunk in request.stream():
                store.snapshots.check_room()
                field.feed(chunk)
        if not field.complete:
            raise BadRequest(f"the form has no whole field {FIELD!r}")
        yield path
    finally:
        path.unlink(missing_ok=True)
