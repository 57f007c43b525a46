"""What is kept tells no secret, in no form in which programs write it."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.drill.redact import MASK, redact

SECRETS = st.text(min_size=8, max_size=60).filter(lambda secret: MASK not in secret and secret not in MASK)
AROUND = st.binary(max_size=7)
TEXTS = st.text(max_size=30)


@given(SECRETS, TEXTS, TEXTS)
def test_no_secret_survives_in_any_text(secret: str, before: str, after: str) -> None:
    assert secret not in redact(before + secret + after + secret, [secret])


@given(SECRETS, TEXTS)
def test_no_written_form_of_a_secret_survives(secret: str, around: str) -> None:
    raw = secret.encode()
    written = [
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        raw.hex(),
        raw.hex().upper(),
        repr(secret)[1:-1],
    ]
    for form in written:
        assert form not in redact(f"{around} {form} {around}", [secret]), form


@given(SECRETS, AROUND, AROUND)
def test_no_base64_of_a_secret_survives_whatever_it_was_encoded_with(secret: str, before: bytes, after: bytes) -> None:
    for encode in (b64encode, urlsafe_b64encode):
        encoded = encode(before + secret.encode() + after).decode()
        kept = redact(encoded, [secret])
        assert MASK in kept
        around_it = len(b64encode(before)) + len(b64encode(after)) + 4  # characters that hold others' bits, too
        assert len(kept.replace(MASK, "")) <= around_it


@given(st.lists(SECRETS, max_size=3), TEXTS)
def test_what_holds_no_secret_stays_as_it_is(secrets: list[str], text: str) -> None:
    harmless = f"{text[:2]}: 12 of 20 requests, p99 0.50 s"
    assert redact(harmless, secrets) == harmless


@given(SECRETS, TEXTS)
def test_redacting_twice_changes_nothing_more(secret: str, text: str) -> None:
    once = redact(text + secret, [secret])
    assert redact(once, [secret]) == once


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("key sk-0123456789abcdef.", "key [redacted]"),
        ("HF_TOKEN=hf_abcdefghijkl", "HF_TOKEN=[redacted]"),
        ('{"Authorization": "Bearer eyJhbGciOi.x-y_z"}', '{"Authorization": "Bearer [redacted]"}'),
        ("http://anna:geheim@proxy:3128/x", "http://[redacted]@proxy:3128/x"),
        ("http://127.0.0.1:8000/v1@x", "http://127.0.0.1:8000/v1@x"),
        ("a task-oriented risk-free word", "a task-oriented risk-free word"),
    ],
)
def test_what_looks_like_a_secret_goes_too(text: str, kept: str) -> None:
    assert redact(text, []) == kept


def test_an_empty_secret_hides_nothing() -> None:
    assert redact("nothing to hide", [""]) == "nothing to hide"
