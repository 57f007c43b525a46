"""The embedding service over HTTP, in OpenAI's form."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from starlette.testclient import TestClient


def post(client: TestClient, status: int = 200, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/embeddings", json={"model": "hash-384", **body})
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_one_text_or_many_are_answered_with_usage(client: TestClient) -> None:
    one = post(client, input="둘 셋")
    many = post(client, input=["하나", "둘 셋"])
    assert [item["index"] for item in many["data"]] == [0, 1]
    assert many["data"][1]["embedding"] == one["data"][0]["embedding"]
    assert many["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert many["model"] == "hash-384"


def test_base64_holds_the_same_numbers_as_32_bit_floats(client: TestClient) -> None:
    written = post(client, input="고양이", encoding_format="base64")["data"][0]["embedding"]
    numbers = post(client, input="고양이")["data"][0]["embedding"]
    assert list(struct.unpack("<384f", base64.b64decode(written))) == pytest.approx(numbers, abs=1e-7)


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]], ["a", 5]])
def test_token_arrays_are_refused(client: TestClient, tokens: list[Any]) -> None:
    error = post(client, 422, input=tokens)["error"]
    assert "token arrays are not accepted" in error["message"]
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": "가" * 8001}, "input[0]"),
        ({"input": []}, "body.input"),
        ({"input": "a", "dimensions": 128}, "dimensions"),
        ({"input": "a", "encoding_format": "int8"}, "body.encoding_format"),
    ],
)
def test_what_cannot_be_embedded_is_named(client: TestClient, body: dict[str, Any], param: str) -> None:
    assert post(client, 422, **body)["error"]["param"] == param


def test_an_unknown_model_is_not_found(client: TestClient) -> None:
    error = post(client, 404, input="a", model="text-embedding-3-small")["error"]
    assert error["code"] == "model_not_found"
    assert "hash-384" in error["message"]


def test_models_are_listed_in_openai_form(client: TestClient) -> None:
    assert [card["id"] for card in client.get("/v1/models").json()["data"]] == ["hash-384"]
