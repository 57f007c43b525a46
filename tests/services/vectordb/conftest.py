from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from aisuite.services.vectordb.app import create_app
from aisuite.services.vectordb.settings import VectorDbSettings

KEY = "a-key-for-tests"


class Api:
    """Ask the store in JSON; an unexpected status fails the test with the body."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        response = self.client.request(method, path, json=body)
        assert response.status_code == status, response.text
        answered = response.json()
        if status == 200:
            assert answered["status"] == "ok"
            return answered["result"]
        assert answered.keys() == {"status", "time"}
        return answered["status"]["error"]

    def get(self, path: str, status: int = 200) -> Any:
        return self.ask("GET", path, status=status)

    def put(self, path: str, body: Any, status: int = 200) -> Any:
        return self.ask("PUT", path, body, status)

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        return self.ask("POST", path, body, status)

    def delete(self, path: str, status: int = 200) -> Any:
        return self.ask("DELETE", path, status=status)

    def count(self, collection: str, condition: Any = None) -> int:
        counted: int = self.post(f"/collections/{collection}/points/count", {"filter": condition})["count"]
        return counted


def make_settings(folder: Path) -> VectorDbSettings:
    key_file = folder / "key"
    key_file.write_text(KEY)
    return VectorDbSettings(
        service_port=6333,
        service_api_key_file=key_file,
        vectordb_data_dir=folder / "data",
        vectordb_min_free_mib=1,
    )


def add_shapes(api: Api) -> Api:
    """Make a collection of three points: two squares and a circle."""
    api.put("/collections/shapes", {"vectors": {"size": 2, "distance": "Dot"}})
    points = [
        {"id": 1, "vector": [1, 0], "payload": {"form": "square", "size": 1, "hollow": True}},
        {"id": 2, "vector": [0, 1], "payload": {"form": "circle", "size": 2, "hollow": False}},
        {"id": 3, "vector": [1, 1], "payload": {"form": "square", "size": 3}},
    ]
    api.put("/collections/shapes/points", {"points": points})
    return api


@pytest.fixture
def settings(tmp_path: Path) -> VectorDbSettings:
    return make_settings(tmp_path)


@pytest.fixture
def client(settings: VectorDbSettings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), headers={"api-key": KEY}) as client:
        yield client


@pytest.fixture
def api(client: TestClient) -> Api:
    return Api(client)


@pytest.fixture
def shapes(api: Api) -> Api:
    return add_shapes(api)


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The shapes, for tests that change nothing: reads, and requests that are refused."""
    settings = make_settings(tmp_path_factory.mktemp("store"))
    with TestClient(create_app(settings), headers={"api-key": KEY}) as client:
        yield add_shapes(Api(client))
