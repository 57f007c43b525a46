"""Take secrets out of what is kept: themselves, and the forms in which programs write them."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "[redacted]"

_SHORTEST = 4  # characters of a written form: shorter ones stand in every text
# What looks like a secret although nobody told us of it: keys by their usual beginnings, user and password of a URL.
_FOREIGN = re.compile(r"\b(?:sk-|hf_)[\w.-]{8,}|(?<=[Bb]earer )[\w.~+/=-]{8,}|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)")


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text without these secrets, plain, escaped, in URLs, in hex and in base64 at any place of it."""
    forms = {form for secret in secrets for form in _forms(secret)}
    if forms:
        longest_first = sorted(forms, key=len, reverse=True)
        text = re.sub("|".join(map(re.escape, longest_first)), MASK, text)
    return _FOREIGN.sub(MASK, text)


def _forms(secret: str) -> Iterator[str]:
    if not secret:
        return
    yield secret
    raw = secret.encode()
    in_urls = (quote(secret), quote(secret, safe=""), quote_plus(secret))
    written = (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1])
    in_hex = (raw.hex(), raw.hex().upper())
    others = (*in_urls, *map(_lower_hex, in_urls), *written, *in_hex, *_in_base64(raw))
    yield from (form for form in others if len(form) >= _SHORTEST)


def _lower_hex(quoted: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)


def _in_base64(raw: bytes) -> Iterator[str]:
    """Yield what base64 makes of these bytes alone, whatever stands before and after them."""
    for before in range(3):
        first, end = (before * 8 + 5) // 6, (before + len(raw)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(bytes(before) + raw).decode()[first:end]
