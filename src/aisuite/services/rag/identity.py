"""The names under which documents and chunks are stored: the same input always gets the same name."""

from __future__ import annotations

import json
from hashlib import sha256
from uuid import UUID, uuid5

_NAMESPACE = UUID("6f6bb7a5-43a5-5e5e-9f0c-2a0f9f7d1a52")
_FORMAT = 3  # raise it when chunks are made or stored differently: all documents then count as changed


def content_checksum(text: str, *parts: object) -> str:
    """Sum up everything that a document's chunks are made from: its text and JSON values."""
    written = json.dumps([_FORMAT, *parts], ensure_ascii=False, sort_keys=True)
    summed = sha256(written.encode())
    summed.update(text.encode())
    return summed.hexdigest()


def document_id(source: str | None, text: str) -> str:
    """Name a document that came without an id: by its source, else by its text."""
    return source if source else sha256(text.encode()).hexdigest()[:32]


def point_id(collection: str, document: str, checksum: str, number: int) -> str:
    """Name a chunk: unique to its collection, document, version and place."""
    return str(uuid5(_NAMESPACE, json.dumps([collection, document, checksum, number])))
