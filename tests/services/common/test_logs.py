import json
import logging
import sys
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from aisuite.services.common.logs import JsonFormatter
from aisuite.services.common.request_id import outgoing_headers, request_id


def record(message: str, **extra: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "aisuite.test", "levelno": logging.INFO, "levelname": "INFO", "msg": message, **extra}
    )


@given(
    st.text(), st.dictionaries(st.from_regex(r"x_[a-z]{1,8}", fullmatch=True), st.text() | st.integers() | st.none())
)
def test_a_log_line_is_one_json_object_whatever_is_in_it(message: str, extra: dict[str, object]) -> None:
    line = JsonFormatter().format(record("%s", args=(message,), **extra))
    entry = json.loads(line)
    assert "\n" not in line
    assert entry["message"] == message
    assert entry.items() >= {"level": "info", "logger": "aisuite.test", "request_id": ""}.items()
    assert entry.items() >= extra.items()
    assert datetime.fromisoformat(entry["ts"]).utcoffset() is not None


def test_an_exception_is_written_into_its_line() -> None:
    try:
        int("broken")
    except ValueError:
        line = JsonFormatter().format(record("failed", exc_info=sys.exc_info()))
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_the_request_id_stands_in_each_line_and_goes_on_to_other_services() -> None:
    assert outgoing_headers() == {}
    token = request_id.set("abc")
    try:
        assert json.loads(JsonFormatter().format(record("x")))["request_id"] == "abc"
        assert outgoing_headers() == {"X-Request-ID": "abc"}
    finally:
        request_id.reset(token)
