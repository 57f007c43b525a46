import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.services.vectordb.errors import BadRequest
from aisuite.services.vectordb.multipart import FileField, parse_boundary

BOUNDARY = "form-42"


def form(*fields: tuple[str, bytes]) -> bytes:
    body = b""
    for name, content in fields:
        disposition = f'Content-Disposition: form-data; name="{name}"; filename="f.snapshot"'.encode()
        body += b"--form-42\r\n" + disposition + b"\r\nContent-Type: application/x\r\n\r\n" + content + b"\r\n"
    return body + b"--form-42--\r\n"


def read(body: bytes, cuts: list[int]) -> tuple[bytes, bool]:
    target = io.BytesIO()
    field = FileField(BOUNDARY.encode(), "snapshot", target)
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    for start, end in pairwise(places):
        field.feed(body[start:end])
    return target.getvalue(), field.complete


contents = st.binary(max_size=200) | st.sampled_from([b"", b"\r\n", b"\r\n--form-4", b"--form-42", b"\r\n\r\n--"])


@given(contents, contents, st.lists(st.integers(0, 2000), max_size=8))
def test_the_file_is_read_whole_however_the_body_is_cut(content: bytes, other: bytes, cuts: list[int]) -> None:
    body = form(("note", other), ("snapshot", content), ("snapshot", b"second"))
    assert read(body, cuts) == (content, True)


@given(contents, st.lists(st.integers(0, 2000), max_size=8))
def test_a_form_without_the_field_is_never_complete(content: bytes, cuts: list[int]) -> None:
    assert read(form(("filename", content)), cuts) == (b"", False)


@given(contents)
def test_a_form_that_ends_early_is_not_complete(content: bytes) -> None:
    body = form(("snapshot", content))
    assert read(body[: body.rindex(b"\r\n--form-42")], [])[1] is False


def test_endless_headers_are_refused() -> None:
    with pytest.raises(BadRequest, match="too long"):
        read(b"--form-42\r\n" + b"X: y\r\n" * 4000, [])


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data; charset=x; boundary="a b"', b"a b"),
    ],
)
def test_the_boundary_is_found(content_type: str, boundary: bytes) -> None:
    assert parse_boundary(content_type) == boundary


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary="]
)
def test_a_body_that_is_no_form_is_refused(content_type: str) -> None:
    with pytest.raises(BadRequest, match="multipart/form-data"):
        parse_boundary(content_type)
