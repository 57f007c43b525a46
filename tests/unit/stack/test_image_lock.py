from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.stack.image_lock import Locked, Reference, digests_to_start, format_lock, parse_lock, parse_reference, pin

DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha256:" + "f" * 64
digests = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:".__add__)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("qdrant/qdrant:v1.17.0", Reference("qdrant/qdrant", "v1.17.0", None)),
        ("localhost:5000/a/b:1", Reference("localhost:5000/a/b", "1", None)),
        ("localhost:5000/a", Reference("localhost:5000/a", None, None)),
        (f"python:3.13-slim@{DIGEST}", Reference("python", "3.13-slim", DIGEST)),
        (f"ghcr.io/a@{DIGEST}", Reference("ghcr.io/a", None, DIGEST)),
    ],
)
def test_a_reference_is_taken_apart(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ghcr.io/a/b:1", True),
        ("localhost/a:1", True),
        ("host:5000/a:1", True),
        ("aisuite/a:1", False),
        ("a:1.2", False),
    ],
)
def test_a_host_before_the_slash_is_a_registry(text: str, named: bool) -> None:
    assert parse_reference(text).in_registry is named


def test_a_locked_tag_gets_its_digest_and_an_own_digest_stays() -> None:
    lock = {"a:1": Locked(DIGEST, OTHER)}
    assert pin("a:1", lock) == f"a:1@{DIGEST}"
    assert pin("a:2", lock) == "a:2"
    assert pin(f"a:1@{OTHER}", lock) == f"a:1@{OTHER}"


def test_what_came_in_a_file_is_started_by_its_tag_and_all_else_by_its_digest() -> None:
    lock = {"a:1": Locked(DIGEST, OTHER), "b:1": Locked(OTHER, DIGEST)}
    assert digests_to_start(lock, {"b:1"}) == {"a:1": DIGEST}


@given(st.dictionaries(st.text(max_size=20), st.builds(Locked, digests, digests), max_size=5))
def test_a_lock_is_read_as_it_was_written(images: dict[str, Locked]) -> None:
    assert parse_lock(format_lock(images)) == images


@given(st.text() | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner)).map(str))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        parse_lock(text)


@pytest.mark.parametrize("digest", ["latest", "sha256:abc", 7, None, DIGEST.upper()])
def test_what_is_no_digest_is_refused(digest: object) -> None:
    for entry in ({"digest": digest, "id": DIGEST}, {"digest": DIGEST, "id": digest}, digest):
        text = json.dumps({"schema": "aisuite.images-lock/1", "images": {"a:1": entry}})
        with pytest.raises(ValueError, match="a:1"):
            parse_lock(text)
