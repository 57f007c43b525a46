"""/collections/{name}/points: writes, and reads that are no queries."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from aisuite.services.vectordb.api.answer import RawBody, Store, StoreDep, answer, answer_body
from aisuite.services.vectordb.errors import NotFound
from aisuite.services.vectordb.payload_index import CreateIndex, drop_index
from aisuite.services.vectordb.points import (
    ClearPayload,
    Delete,
    DeletePayload,
    DeleteVectors,
    Operations,
    OverwritePayload,
    SetPayload,
    Update,
    UpdateBody,
    UpdateVectors,
    Upsert,
    parse_updates,
)
from aisuite.services.vectordb.reading import Count, Facet, Retrieve, Scroll
from aisuite.services.vectordb.wire import check_shape, parse_body

router = APIRouter(prefix="/collections/{name}")

# Every write is on disk before it is answered, whatever `wait` says.
_DONE = {"operation_id": None, "status": "completed"}

_WRITES: tuple[tuple[str, str, type[UpdateBody]], ...] = (
    ("PUT", "/points", Upsert),
    ("POST", "/points/delete", Delete),
    ("PUT", "/points/vectors", UpdateVectors),
    ("POST", "/points/vectors/delete", DeleteVectors),
    ("POST", "/points/payload", SetPayload),
    ("PUT", "/points/payload", OverwritePayload),
    ("POST", "/points/payload/delete", DeletePayload),
    ("POST", "/points/payload/clear", ClearPayload),
)
_READS: tuple[tuple[str, type[Retrieve | Scroll | Count | Facet]], ...] = (
    ("/points", Retrieve),
    ("/points/scroll", Scroll),
    ("/points/count", Count),
    ("/facet", Facet),
)


def _write(store: Store, name: str, body: UpdateBody) -> Any:
    collection = store.catalogue.find(name)
    collection.apply(parse_updates(body, collection.schema))
    return _DONE


def _add_write(method: str, path: str, shape: type[UpdateBody]) -> None:
    @router.api_route(path, methods=[method], name=shape.__name__)
    async def write(name: str, raw: RawBody, store: StoreDep) -> Response:
        return await answer_body(shape, raw, lambda body: _write(store, name, body))


def _add_read(path: str, shape: type[Retrieve | Scroll | Count | Facet]) -> None:
    @router.post(path, name=shape.__name__)
    async def read(name: str, raw: RawBody, store: StoreDep) -> Response:
        return await answer_body(shape, raw, lambda body: body.answer(store.catalogue.find(name)))


for _method, _path, _shape in _WRITES:
    _add_write(_method, _path, _shape)
for _path, _read_shape in _READS:
    _add_read(_path, _read_shape)


@router.post("/points/batch")
async def apply_operations(name: str, raw: RawBody, store: StoreDep) -> Response:
    """Do several writes in order; all are checked before the first is done."""

    def write() -> list[Any]:
        body = parse_body(Operations, raw)
        _write(store, name, body)
        return [_DONE for _ in body.operations]

    return await answer(write)


@router.get("/points/{point}")
async def get_point(name: str, point: str, store: StoreDep) -> Response:
    """Give one point with all it has."""

    def read() -> Any:
        wanted = int(point) if point.isdecimal() else point
        body = check_shape(Retrieve, {"ids": [wanted], "with_payload": True, "with_vector": True})
        found = body.answer(store.catalogue.find(name))
        if not found:
            raise NotFound(f"Point with id {point} does not exists!")
        return found[0]

    return await answer(read)


@router.put("/index")
async def create_index(name: str, raw: RawBody, store: StoreDep) -> Response:
    """Index a payload key."""

    def create(body: CreateIndex) -> Any:
        store.catalogue.find(name).apply([Update(body.operation(), 0)])
        return _DONE

    return await answer_body(CreateIndex, raw, create)


@router.delete("/index/{field}")
async def delete_index(name: str, field: str, store: StoreDep) -> Response:
    """Drop the index of a payload key."""

    def delete() -> Any:
        store.catalogue.find(name).apply([Update(drop_index(field), 0)])
        return _DONE

    return await answer(delete)
