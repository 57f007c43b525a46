from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from starlette.testclient import TestClient

from aisuite.services.common import ServiceError, ServiceSettings, current_request_id, install

KEY = "a-key-for-tests"


class Order(BaseModel):
    amount: int


@pytest.fixture
def settings(tmp_path: Path) -> ServiceSettings:
    key_file = tmp_path / "key"
    key_file.write_text(f"{KEY}\n")
    return ServiceSettings(service_port=8999, service_api_key_file=key_file)


@pytest.fixture
def states() -> dict[str, str]:
    return {"store": "ok"}


@pytest.fixture
def app(settings: ServiceSettings, states: dict[str, str]) -> FastAPI:
    async def check() -> dict[str, str]:
        return states

    app = FastAPI()
    app.state.metrics = install(app, settings, health=check)

    @app.post("/orders/{number}")
    def order(number: int, body: Order) -> dict[str, int]:
        return {"number": number, "amount": body.amount}

    @app.get("/id")
    def show_id() -> str:
        return current_request_id()

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("a secret of the inside")

    @app.get("/refused")
    def refused() -> None:
        raise ServiceError(429, "too fast", code="slow_down", headers={"Retry-After": "7"})

    @app.get("/teapot")
    def teapot() -> None:
        raise HTTPException(418, "short and stout")

    return app


@pytest.fixture
def anonymous(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, headers={"Authorization": f"Bearer {KEY}"}) as client:
        yield client


@pytest.fixture
def key() -> str:
    return KEY


MakeApp = Callable[[], FastAPI]
