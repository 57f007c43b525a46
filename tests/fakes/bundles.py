"""Bundles for tests."""

from __future__ import annotations

from pathlib import Path

from aisuite.bundle.model import BundleFile, CollectionFacts, DatabaseFacts, Kind, Manifest, ModelReference
from aisuite.ports.archive import Shelf

CONTENTS = {
    "databases/rag/rag.db.zst": b"SQLite format 3\0" + b"a row of text, and another\n" * 4000,
    "folders/rag/uploads/" + "한국어 파일.txt.zst": "모든 글자\n".encode() * 200,
    "folders/rag/uploads/empty.zst": b"",
    "collections/qdrant/notes.snapshot": bytes(range(256)) * 300,
    "config/state.json.zst": b'{"services": []}\n',
}


def manifest_of(bundle: str, files: tuple[BundleFile, ...] = (), project: str = "demo") -> Manifest:
    """Return a manifest with something of everything, for files that `fill` has put into a bundle."""
    databases = tuple(
        DatabaseFacts(file.path, 3, {"documents": 7, "chunks": 70}, "d" * 64)
        for file in files
        if file.kind is Kind.DATABASE
    )
    collections = tuple(
        CollectionFacts(file.path, "qdrant", "notes-1", ("notes",), 70, 384, "Cosine", {"1": "ab", "2": "cd"})
        for file in files
        if file.kind is Kind.COLLECTION
    )
    return Manifest(
        id=bundle,
        name=None,
        created="2026-11-21T14:15:00Z",
        aisuite="0.2.0",
        project=project,
        engine="process",
        profile="demo",
        phase=2,
        generation=4,
        services=("qdrant", "rag"),
        files=files,
        databases=databases,
        collections=collections,
        models=(ModelReference("/models/chat.gguf", 2_000_000_000, "e" * 64),),
        images={"qdrant/qdrant:v1.15.4": "sha256:" + "f" * 64},
        facts={"qdrant": "qdrant 1.15.4"},
        secrets_left_out=("service_key",),
    )


def put_bundle(shelf: Shelf, bundle: str, contents: dict[str, bytes] | None = None, project: str = "demo") -> Manifest:
    """Make a bundle on a shelf."""
    with shelf.stage(bundle) as staging:
        files = []
        for path, content in (CONTENTS if contents is None else contents).items():
            source = staging.scratch / "source"
            source.write_bytes(content)
            kind = next(kind for kind in Kind if path.startswith(kind.value))
            goal = "/data/" + path.removesuffix(".zst")
            files.append(
                staging.add(source, path, kind, service="rag", restores_to=goal, compress=path.endswith(".zst"))
            )
        manifest = manifest_of(bundle, tuple(files), project)
        staging.publish(manifest)
    return manifest


def folder_of(shelf: Shelf, bundle: str) -> Path:
    """Return where a bundle lies on disk."""
    return shelf.path / bundle
