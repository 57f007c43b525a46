"""The embedding service over HTTP, in our own form."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from aisuite.services.common import StartError
from aisuite.services.embedding.app import create_app
from aisuite.services.embedding.settings import EmbeddingSettings

MakeClient = Callable[..., TestClient]


def refusal(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    return error


def test_texts_come_back_as_vectors_in_their_order(client: TestClient) -> None:
    both = client.post("/embed", json={"texts": ["하나", "둘"], "kind": "query"}).json()
    (second,) = client.post("/embed", json={"texts": ["둘"]}).json()["embeddings"]
    assert both["embeddings"][1] == second
    assert (both["model"], both["dim"], both["normalize"]) == ("hash-384", 384, True)


def test_too_many_texts_are_refused_whole(make_client: MakeClient) -> None:
    error = refusal(make_client(embedding_max_texts=2).post("/embed", json={"texts": ["a"] * 3}), 413)
    assert "3 texts" in error["message"]
    assert "EMBEDDING_MAX_TEXTS=2" in error["message"]


def test_exactly_the_limits_are_accepted(make_client: MakeClient) -> None:
    client = make_client(embedding_max_texts=2, embedding_max_chars=3)
    assert len(client.post("/embed", json={"texts": ["abc"] * 2}).json()["embeddings"]) == 2


@pytest.mark.parametrize(
    ("text", "code"),
    [("abcd", "text_too_long"), ("", "empty_text"), (" \n", "empty_text"), ("\ud800", "invalid_text")],
)
def test_a_bad_text_is_named_by_its_place(make_client: MakeClient, text: str, code: str) -> None:
    client = make_client(embedding_max_chars=3)
    body = json.dumps({"texts": ["ok", text]})  # pure ASCII, so that half a surrogate pair passes the client
    error = refusal(client.post("/embed", content=body, headers={"Content-Type": "application/json"}), 422)
    assert error["param"] == "texts[1]"
    assert error["code"] == code


@pytest.mark.parametrize("body", [{}, {"texts": []}, {"texts": "a"}, {"texts": ["a"], "kind": "x"}, {"text": ["a"]}])
def test_a_malformed_request_is_refused(client: TestClient, body: dict[str, object]) -> None:
    refusal(client.post("/embed", json=body), 422)


def test_a_big_batch_gives_the_same_vectors_as_a_small_one(client: TestClient) -> None:
    long = "고양이는 매트 위에 있다. " * 250
    many = client.post("/embed", json={"texts": [long] * 8}).json()["embeddings"]
    (one,) = client.post("/embed", json={"texts": [long]}).json()["embeddings"]
    assert many == [one] * 8


def test_the_model_and_its_limits_are_listed(client: TestClient) -> None:
    (card,) = client.get("/models").json()["models"]
    space = client.post("/embed", json={"texts": ["a"]}).json()["space"]
    assert card == {
        "backend": "hash",
        "model": "hash-384",
        "dim": 384,
        "normalize": True,
        "space": space,
        "max_tokens": None,
        "query_prefix": "",
        "passage_prefix": "",
        "max_texts": 1024,
        "max_chars": 8000,
    }


def test_probes_need_no_key_and_the_rest_does(client: TestClient) -> None:
    client.headers.pop("Authorization")
    assert client.get("/livez").status_code == 200
    assert client.get("/health").json() == {"status": "ok", "dependencies": {"model": "ok"}}
    refusal(client.post("/embed", json={"texts": ["a"]}), 401)
    refusal(client.get("/v1/models"), 401)


def test_embedded_texts_are_counted(client: TestClient) -> None:
    client.post("/embed", json={"texts": ["a b", "c"]})
    shown = client.get("/metrics").text
    assert "embedding_texts_total 2.0" in shown
    assert "embedding_tokens_total 3.0" in shown


def test_an_unknown_model_stops_the_start_with_the_names_that_exist(key_file: Path) -> None:
    settings = EmbeddingSettings(service_port=1, service_api_key_file=key_file, embedding_model="bge-m3")
    with pytest.raises(StartError, match="'bge-m3' is not a model of EMBEDDING_BACKEND=hash; it has hash-384"):
        create_app(settings)


def test_tokens_are_counted_by_the_models_own_rule(client: TestClient) -> None:
    answer = client.post("/tokenize", json={"texts": ["one two", "세 낱말 있음"], "kind": "query"})
    assert answer.json() == {"tokens": [2, 3], "max_tokens": None}
    assert client.post("/tokenize", json={"texts": [" "]}).status_code == 422
