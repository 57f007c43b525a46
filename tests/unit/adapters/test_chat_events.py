"""Server-sent events are read as their specification says, however the network cuts them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.adapters.chat import read_events


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """Cut a stream at some places."""
    ends = sorted({place % (len(stream) + 1) for place in places} | {len(stream)})
    return [stream[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


@given(
    texts=st.lists(st.text(st.characters(codec="utf-8"))),
    places=st.lists(st.integers(min_value=0), max_size=8),
    end=st.sampled_from(["\n", "\r\n"]),
    escape=st.booleans(),
)
def test_any_json_comes_through_any_cut(texts: list[str], places: list[int], end: str, escape: bool) -> None:
    sent = [json.dumps({"text": text}, ensure_ascii=escape) for text in texts]
    stream = "".join(f"data: {one}{end}{end}" for one in sent).encode()
    assert list(read_events(cut(stream, places))) == sent


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"", []),
        (b"\n\n\n", []),
        (b": a comment\n\n", []),
        (b"event: ping\nid: 7\nretry: 10\n\n", []),
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b"data:a\n\ndata:  b\n\n", ["a", " b"]),
        (b"data\n\n", []),
        (b"event: x\ndata: a\n\n", ["a"]),
        (b"data: no empty line at the end", ["no empty line at the end"]),
        ('data: {"text": "a\u2028b\u0085c"}\n\n'.encode(), ['{"text": "a\u2028b\u0085c"}']),
    ],
)
def test_an_event_is_its_data_lines(stream: bytes, events: list[str]) -> None:
    assert list(read_events([stream])) == events


@given(st.lists(st.binary()))
def test_nothing_that_a_server_sends_breaks_the_reader(chunks: list[bytes]) -> None:
    assert all(isinstance(event, str) for event in read_events(chunks))
