"""/livez says that the process serves; /health says whether it can do its work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.responses import JSONResponse

OK = "ok"
RETRY_AFTER_SECONDS = 30

HealthCheck = Callable[[], Awaitable[Mapping[str, str]]]


class Health(BaseModel):
    """Whether all is "ok", and the state of each thing that is needed."""

    status: str
    dependencies: dict[str, str]


def health_response(dependencies: Mapping[str, str]) -> JSONResponse:
    """Answer 200 when every dependency is "ok", else 503 with a time to try again."""
    healthy = all(state == OK for state in dependencies.values())
    return JSONResponse(
        {"status": OK if healthy else "unavailable", "dependencies": dict(dependencies)},
        status_code=200 if healthy else 503,
        headers={} if healthy else {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def install_health_routes(app: FastAPI, check: HealthCheck | None) -> None:
    """Serve /livez, and /health when a check is given."""

    @app.get("/livez")
    async def livez() -> dict[str, str]:
        """Say that the process serves."""
        return {"status": OK}

    if check is not None:

        @app.get("/health", response_model=Health, responses={503: {"model": Health}})
        async def health() -> JSONResponse:
            """Say whether the service can do its work."""
            return health_response(await check())
