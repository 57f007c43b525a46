"""What every service does with every request."""

import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from prometheus_client import Counter
from starlette.testclient import TestClient


def error_of(response: Any) -> dict[str, Any]:
    body = response.json()
    assert body.keys() == {"error", "request_id"}
    assert body["error"].keys() == {"message", "type", "code", "param"}
    assert body["request_id"] == response.headers["X-Request-ID"]
    error: dict[str, Any] = body["error"]
    return error


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic a-key-for-tests", "Bearer clé"])
def test_a_request_without_the_key_is_refused(anonymous: TestClient, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode()}
    response = anonymous.get("/id", headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert error_of(response)["type"] == "authentication_error"


def test_a_refusal_does_not_tell_whether_a_route_exists(anonymous: TestClient) -> None:
    assert anonymous.get("/nowhere").status_code == anonymous.get("/metrics").status_code == 401


def test_the_scheme_of_the_key_is_read_in_any_case(anonymous: TestClient, key: str) -> None:
    assert anonymous.get("/id", headers={"Authorization": f"bearer {key}"}).status_code == 200


def test_probes_need_no_key(anonymous: TestClient) -> None:
    assert anonymous.get("/livez").json() == {"status": "ok"}
    assert anonymous.get("/health").json() == {"status": "ok", "dependencies": {"store": "ok"}}


def test_a_service_with_a_dependency_down_says_which_and_when_to_ask_again(
    anonymous: TestClient, states: dict[str, str]
) -> None:
    states["embedding"] = "connection refused"
    response = anonymous.get("/health")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "30"
    assert response.json() == {
        "status": "unavailable",
        "dependencies": {"store": "ok", "embedding": "connection refused"},
    }
    assert anonymous.get("/livez").status_code == 200


def test_a_wrong_body_is_reported_with_every_place(client: TestClient) -> None:
    response = client.post("/orders/x", json={"amount": "many"})
    error = error_of(response)
    assert response.status_code == 422
    assert "path.number" in error["message"]
    assert "body.amount" in error["message"]
    assert error["param"] == "path.number"


def test_an_unexpected_failure_is_answered_without_its_internals(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.get("/broken")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert error_of(response)["code"] == "internal_error"
    failures = [record for record in caplog.records if record.exc_info]
    assert len(failures) == 1
    assert "a secret of the inside" in str(failures[0].exc_info)


def test_a_refusal_of_the_service_keeps_status_code_and_headers(client: TestClient) -> None:
    response = client.get("/refused")
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "7"
    assert error_of(response) == {"message": "too fast", "type": "rate_limit_error", "code": "slow_down", "param": None}


def test_framework_refusals_have_the_same_form(client: TestClient) -> None:
    assert error_of(client.get("/nowhere"))["message"] == "no route GET /nowhere"
    assert error_of(client.get("/orders/1"))["message"] == "/orders/1 does not answer GET"
    assert error_of(client.get("/teapot"))["message"] == "short and stout"


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.one_of(
        st.from_regex(r"[A-Za-z0-9._-]{1,128}", fullmatch=True),
        st.text(st.characters(max_codepoint=126, min_codepoint=32)),
    )
)
def test_a_request_id_is_kept_when_it_is_plain_and_replaced_when_not(client: TestClient, offered: str) -> None:
    response = client.get("/id", headers={"X-Request-ID": offered})
    given_back = response.headers["X-Request-ID"]
    plain = 1 <= len(offered) <= 128 and all(sign.isalnum() or sign in "._-" for sign in offered)
    assert response.json() == given_back
    assert (given_back == offered) is plain
    assert given_back


def test_each_request_is_measured_under_its_route_template(client: TestClient) -> None:
    client.post("/orders/17", json={"amount": 2})
    client.get("/no/such/place")
    client.request("BREW", "/id")
    text = client.get("/metrics").text
    assert 'http_requests_total{method="POST",route="/orders/{number}",status="200"} 1.0' in text
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'method="OTHER"' in text
    assert "BREW" not in text
    assert 'http_request_duration_seconds_count{method="POST",route="/orders/{number}",status="200"} 1.0' in text


def test_a_service_adds_its_own_metrics_to_the_registry(client: TestClient) -> None:
    made = Counter("orders_made", "Orders.", registry=client.app.state.metrics.registry)  # type: ignore[attr-defined]
    made.inc(3)
    assert "orders_made_total 3.0" in client.get("/metrics").text


def test_each_request_leaves_one_access_line(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/id?token=not-to-be-logged")
        client.get("/livez")
    (line,) = [record for record in caplog.records if record.name == "aisuite.services.access"]
    assert (line.method, line.path, line.status) == ("GET", "/id", 200)  # type: ignore[attr-defined]
    assert line.ms >= 0  # type: ignore[attr-defined]
    assert "not-to-be-logged" not in json.dumps(vars(line), default=str)
