"""/collections: make, describe, change, remove; and aliases."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from aisuite.services.vectordb.aliases import ChangeAliases
from aisuite.services.vectordb.api.answer import RawBody, StoreDep, answer, answer_body
from aisuite.services.vectordb.catalogue import Catalogue
from aisuite.services.vectordb.payload_index import indexes_json
from aisuite.services.vectordb.schema import CollectionSchema, SchemaChange

router = APIRouter()


@router.get("/collections")
async def list_collections(store: StoreDep) -> Response:
    """Name all collections."""
    return await answer(lambda: {"collections": [{"name": name} for name in store.catalogue.names()]})


@router.get("/collections/{name}")
async def describe_collection(name: str, store: StoreDep) -> Response:
    """Describe one."""
    return await answer(lambda: _describe(store.catalogue, name))


@router.get("/collections/{name}/exists")
async def collection_exists(name: str, store: StoreDep) -> Response:
    """Tell whether there is one."""
    return await answer(lambda: {"exists": store.catalogue.exists(name)})


@router.put("/collections/{name}")
async def create_collection(name: str, raw: RawBody, store: StoreDep) -> Response:
    """Make one."""

    def create(schema: CollectionSchema) -> bool:
        store.catalogue.create(name, schema)
        return True

    return await answer_body(CollectionSchema, raw, create)


@router.patch("/collections/{name}")
async def change_collection(name: str, raw: RawBody, store: StoreDep) -> Response:
    """Change its index, optimizer settings or metadata."""

    def change(body: SchemaChange) -> bool:
        store.catalogue.find(name).change_schema(body)
        return True

    return await answer_body(SchemaChange, raw, change)


@router.delete("/collections/{name}")
async def delete_collection(name: str, store: StoreDep) -> Response:
    """Remove it; its snapshots stay."""
    return await answer(lambda: store.catalogue.delete(name))


@router.get("/collections/{name}/cluster")
async def collection_cluster(name: str, store: StoreDep) -> Response:
    """Describe the one shard."""

    def describe() -> dict[str, Any]:
        points = store.catalogue.find(name).count()
        shard = {"shard_id": 0, "points_count": points, "state": "Active"}
        return {"peer_id": 0, "shard_count": 1, "local_shards": [shard], "remote_shards": [], "shard_transfers": []}

    return await answer(describe)


@router.post("/collections/aliases")
async def change_aliases(raw: RawBody, store: StoreDep) -> Response:
    """Do all actions or none."""

    def change(body: ChangeAliases) -> bool:
        store.catalogue.change_aliases(action for part in body.actions if (action := part.action))
        return True

    return await answer_body(ChangeAliases, raw, change)


@router.get("/aliases")
async def list_aliases(store: StoreDep) -> Response:
    """Name all aliases."""
    return await answer(lambda: {"aliases": _aliases(store.catalogue)})


@router.get("/collections/{name}/aliases")
async def list_collection_aliases(name: str, store: StoreDep) -> Response:
    """Name the aliases of one collection."""

    def listed() -> dict[str, Any]:
        own = store.catalogue.find(name).name
        return {"aliases": [alias for alias in _aliases(store.catalogue) if alias["collection_name"] == own]}

    return await answer(listed)


def _describe(catalogue: Catalogue, name: str) -> dict[str, Any]:
    described = catalogue.find(name).describe()
    return {**described, "payload_schema": indexes_json(described["payload_schema"])}


def _aliases(catalogue: Catalogue) -> list[dict[str, str]]:
    return [{"alias_name": alias, "collection_name": target} for alias, target in sorted(catalogue.aliases.items())]
