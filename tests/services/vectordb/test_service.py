"""Who may ask, and what the store says of itself."""

import pytest
from starlette.testclient import TestClient

from aisuite.services.vectordb.api.unsupported import ROUTES
from aisuite.services.vectordb.app import create_app
from aisuite.services.vectordb.settings import VectorDbSettings


def test_the_store_says_that_it_is_the_embedded_one(client: TestClient) -> None:
    told = client.get("/").json()
    assert told["version"].endswith("-aisuite-embedded")
    assert "not the Qdrant server" in told["title"]


@pytest.mark.parametrize("path", ["/", "/livez", "/healthz", "/readyz", "/health"])
def test_probes_need_no_key(client: TestClient, path: str) -> None:
    assert client.get(path, headers={"api-key": ""}).status_code == 200


@pytest.mark.parametrize("path", ["/collections", "/metrics", "/telemetry", "/collections/x/points/count", "/nowhere"])
def test_everything_else_needs_the_key(client: TestClient, path: str) -> None:
    response = client.get(path, headers={"api-key": "wrong"})
    assert response.status_code == 401
    assert "valid key" in response.json()["status"]["error"]


def test_the_key_is_taken_from_either_header(client: TestClient) -> None:
    key = client.headers["api-key"]
    assert client.get("/collections", headers={"api-key": "", "Authorization": f"Bearer {key}"}).status_code == 200


def test_what_only_the_server_has_is_refused_by_name(client: TestClient) -> None:
    for method, path, feature in ROUTES:
        address = path.replace("{rest:path}", "0/snapshots").format(name="shapes", vector="v", peer="1")
        response = client.request(method, address)
        assert response.status_code == 501, address
        assert feature in response.json()["status"]["error"]


def test_an_unknown_route_is_a_qdrant_like_error(client: TestClient) -> None:
    response = client.get("/nowhere")
    assert response.status_code == 404
    assert response.json() == {"status": {"error": "no route GET /nowhere"}, "time": 0.0}


def test_a_body_over_the_limit_is_refused(settings: VectorDbSettings) -> None:
    small = settings.model_copy(update={"vectordb_max_body_mib": 1})
    with TestClient(create_app(small), headers={"api-key": "a-key-for-tests"}) as client:
        response = client.put("/collections/x", content=b" " * (1 << 20) + b"{}")
    assert response.status_code == 413


def test_metrics_count_points_and_requests(shapes: object, client: TestClient) -> None:
    text = client.get("/metrics").text
    assert 'vectordb_points{collection="shapes"} 3.0' in text
    assert "vectordb_broken_collections 0.0" in text
    assert 'vectordb_optimizations_total{result="failed"} 0.0' in text
    assert 'http_requests_total{method="PUT",route="/collections/{name}/points",status="200"} 1.0' in text


def test_the_minimal_service_routes_answer(client: TestClient) -> None:
    assert client.get("/cluster").json()["result"] == {"status": "disabled"}
    assert client.get("/telemetry").json()["result"]["collections"] == {"number_of_collections": 0}
