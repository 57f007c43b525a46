"""Routes that only the Qdrant server has: refused by name instead of looking like a typing error."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from aisuite.services.vectordb.errors import NotSupported

_COLLECTION = "/collections/{name}"
ROUTES: tuple[tuple[str, str, str], ...] = (
    ("POST", f"{_COLLECTION}/points/search", "points/search (use points/query)"),
    ("POST", f"{_COLLECTION}/points/search/batch", "points/search/batch (use points/query/batch)"),
    ("POST", f"{_COLLECTION}/points/search/groups", "points/search/groups (use points/query/groups)"),
    ("POST", f"{_COLLECTION}/points/recommend", "points/recommend (use points/query)"),
    ("POST", f"{_COLLECTION}/points/discover", "points/discover (use points/query)"),
    ("POST", f"{_COLLECTION}/points/search/matrix/pairs", "distance matrices"),
    ("POST", f"{_COLLECTION}/points/search/matrix/offsets", "distance matrices"),
    ("PUT", f"{_COLLECTION}/vectors/{{vector}}", "adding vectors to a collection"),
    ("DELETE", f"{_COLLECTION}/vectors/{{vector}}", "removing vectors from a collection"),
    ("GET", f"{_COLLECTION}/optimizations", "the list of optimizations"),
    ("POST", f"{_COLLECTION}/cluster", "clusters"),
    ("GET", f"{_COLLECTION}/shards", "shard keys"),
    ("PUT", f"{_COLLECTION}/shards", "shard keys"),
    ("POST", f"{_COLLECTION}/shards/delete", "shard keys"),
    ("GET", f"{_COLLECTION}/shards/{{rest:path}}", "snapshots of single shards"),
    ("POST", f"{_COLLECTION}/shards/{{rest:path}}", "snapshots of single shards"),
    ("PUT", f"{_COLLECTION}/shards/{{rest:path}}", "snapshots of single shards"),
    ("DELETE", f"{_COLLECTION}/shards/{{rest:path}}", "snapshots of single shards"),
    ("GET", "/snapshots", "snapshots of the whole store"),
    ("POST", "/snapshots", "snapshots of the whole store"),
    ("GET", "/cluster/telemetry", "clusters"),
    ("POST", "/cluster/recover", "clusters"),
    ("DELETE", "/cluster/peer/{peer}", "clusters"),
    ("GET", "/issues", "issue reports"),
    ("DELETE", "/issues", "issue reports"),
    ("GET", "/quotas", "quotas"),
    ("PUT", "/quotas", "quotas"),
)

router = APIRouter()


def _refuse(method: str, path: str, feature: str) -> None:
    @router.api_route(path, methods=[method], include_in_schema=False)
    async def refuse() -> Response:
        raise NotSupported(feature)


for _route in ROUTES:
    _refuse(*_route)
