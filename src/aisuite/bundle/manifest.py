"""The manifest as a text that proves itself: one text for one manifest, and a digest of it inside.

A changed byte anywhere is found by the digest, or by the text's not being what the same manifest is written as.
Who changes a manifest on purpose can seal it again: what it says is checked like any stranger's input.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime

from aisuite.bundle.identity import taken_at
from aisuite.bundle.model import (
    FORMAT,
    BundleFile,
    CollectionFacts,
    DatabaseFacts,
    Kind,
    Level,
    Manifest,
    ModelReference,
    Verified,
)
from aisuite.bundle.reading import Part
from aisuite.errors import BundleDamaged

OTHERS = "aisuite backup list   # the others"
OWN_FILES = ("manifest.json", "verified.json")  # of every bundle; nothing that is backed up is called so

_SHA256 = re.compile("[0-9a-f]{64}")
_DEEPEST = 64
_LONGEST_NAME = 255  # bytes, as file systems have it
_LONGEST_PATH = 4096


def render_manifest(manifest: Manifest) -> str:
    """Return the text of manifest.json."""
    return _seal("manifest", _document(manifest))


def parse_manifest(text: str, bundle: str) -> Manifest:
    """Return what the text of a bundle's manifest.json says. Raises BundleDamaged for anything but what we write."""
    try:
        part = _unseal("manifest", text)
        newer = part.whole("format") > FORMAT
        manifest = None if newer else _exactly(part, text, bundle)
    except (ValueError, RecursionError) as err:
        raise BundleDamaged(f"backup {bundle} is damaged: manifest.json: {err}", OTHERS) from err
    if manifest is None:
        words = f"backup {bundle} was made by a newer aisuite: its format is not {FORMAT}, which this one reads"
        raise BundleDamaged(words, "pip install --upgrade aisuite")
    return manifest


def render_verified(verified: Verified, manifest: str) -> str:
    """Return the text of verified.json for a bundle with this text of manifest.json."""
    return _seal("verified", {**_as_object(verified), "manifest": _digest(manifest)})


def parse_verified(text: str, manifest: str) -> Verified | None:
    """Return what verified.json says; None when it cannot be relied on, or is about another manifest."""
    try:
        part = _unseal("verified", text)
        found = Verified(Level(part.text("level")), _moment(part.text("at")), part.optional("rto", part.real))
    except (ValueError, RecursionError):
        return None
    return found if render_verified(found, manifest) == text else None


def check_path(path: str) -> str:
    """Return a path that stays below a bundle. Raises ValueError for any other."""
    parts = path.split("/")
    encoded = path.encode(errors="surrogateescape")
    if not path or "\0" in path or any(part in {"", ".", ".."} for part in parts):
        raise ValueError(f"{path!r} is not a name below the backup")
    if len(parts) > _DEEPEST or len(encoded) > _LONGEST_PATH or any(len(part) > _LONGEST_NAME for part in parts):
        raise ValueError(f"{path[:80]!r}... is too long")
    if parts[0] in OWN_FILES:
        raise ValueError(f"{path!r} is the name of something else")
    return path


def _seal(what: str, body: object) -> str:
    inner = json.dumps(body, indent=1)
    return json.dumps({"sha256": _digest(inner), what: json.loads(inner)}, indent=1) + "\n"


def _unseal(what: str, text: str) -> Part:
    """Return what a sealed text holds. Raises ValueError."""
    try:
        told = json.loads(text)
    except ValueError as err:
        raise ValueError("it is not JSON") from err
    if not isinstance(told, dict) or set(told) != {"sha256", what}:
        raise ValueError("it is not as aisuite writes it")
    if told["sha256"] != _digest(json.dumps(told[what], indent=1)):
        raise ValueError("its content has changed")
    return Part(told[what], what)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _document(value: object) -> object:
    if is_dataclass(value):
        return _as_object(value)
    if isinstance(value, tuple):
        return [_document(one) for one in value]
    if isinstance(value, Mapping):
        return dict(value)
    return value


def _as_object(value: object) -> dict[str, object]:
    return {field.name: _document(getattr(value, field.name)) for field in fields(value)}  # type: ignore[arg-type]


def _exactly(part: Part, text: str, bundle: str) -> Manifest:
    manifest = _manifest(part)
    if manifest.id != bundle:
        raise ValueError(f"it is of backup {manifest.id}")
    if render_manifest(manifest) != text:
        raise ValueError("it is not as aisuite writes it")
    return manifest


def _manifest(part: Part) -> Manifest:
    manifest = Manifest(
        id=part.text("id"),
        name=part.optional("name", part.text),
        created=_moment(part.text("created")),
        aisuite=part.text("aisuite"),
        project=part.text("project"),
        engine=part.text("engine"),
        profile=part.text("profile"),
        phase=part.whole("phase"),
        generation=part.optional("generation", part.whole),
        services=part.texts("services"),
        files=tuple(_file(one) for one in part.parts("files")),
        databases=tuple(_database(one) for one in part.parts("databases")),
        collections=tuple(_collection(one) for one in part.parts("collections")),
        models=tuple(_model(one) for one in part.parts("models")),
        images=part.words("images"),
        facts=part.words("facts"),
        secrets_left_out=part.texts("secrets_left_out"),
        format=part.whole("format"),
    )
    _refuse_contradictions(manifest)
    return manifest


def _file(part: Part) -> BundleFile:
    file = BundleFile(
        path=check_path(part.text("path")),
        kind=Kind(part.text("kind")),
        size=part.whole("size"),
        sha256=_sha256(part.text("sha256")),
        service=part.optional("service", part.text),
        restores_to=part.optional("restores_to", part.text),
        unpacked_size=part.optional("unpacked_size", part.whole),
        unpacked_sha256=part.optional("unpacked_sha256", part.text),
    )
    if (file.unpacked_size is None) != (file.unpacked_sha256 is None):
        raise ValueError(f"{file.path!r} is half a compressed file")
    if file.unpacked_sha256 is not None:
        _sha256(file.unpacked_sha256)
    if file.restores_to is not None:
        _check_goal(file.restores_to, file)
    return file


def _check_goal(goal: str, file: BundleFile) -> None:
    """Raise ValueError unless it is an absolute path; that of a folder's file ends as it lies in that folder."""
    if not goal.startswith("/") or "\0" in goal or ".." in goal.split("/"):
        raise ValueError(f"{goal!r} is not an absolute path")
    if file.kind is Kind.FOLDER:
        inside = "/".join(file.path.split("/")[3:])  # behind folders/<service>/<folder>
        name = inside if file.unpacked_size is None else inside.removesuffix(".zst")
        if not name or not goal.endswith(f"/{name}"):
            raise ValueError(f"{file.path!r} does not come from {goal!r}")


def _database(part: Part) -> DatabaseFacts:
    return DatabaseFacts(
        part.text("file"), part.whole("schema_version"), part.counts("rows"), part.text("content_digest")
    )


def _collection(part: Part) -> CollectionFacts:
    return CollectionFacts(
        file=part.text("file"),
        service=part.text("service"),
        name=part.text("name"),
        aliases=part.texts("aliases"),
        points=part.whole("points"),
        dim=part.whole("dim"),
        distance=part.text("distance"),
        samples=part.words("samples"),
    )


def _model(part: Part) -> ModelReference:
    digest = part.optional("sha256", part.text)
    return ModelReference(part.text("path"), part.whole("size"), None if digest is None else _sha256(digest))


def _refuse_contradictions(manifest: Manifest) -> None:
    if taken_at(manifest.id) is None:
        raise ValueError(f"{manifest.id!r} is no id of a backup")
    kinds = {file.path: file.kind for file in manifest.files}
    if len(kinds) != len(manifest.files):
        raise ValueError("it names a file twice")
    described = [(one.file, Kind.DATABASE) for one in manifest.databases]
    described += [(one.file, Kind.COLLECTION) for one in manifest.collections]
    for path, kind in described:
        if kinds.get(path) is not kind:
            raise ValueError(f"it describes the {kind} {path!r}, which is none of its files")


def _sha256(text: str) -> str:
    if not _SHA256.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no SHA-256")
    return text


def _moment(text: str) -> str:
    """Return a moment as it is. Raises ValueError unless it is ISO 8601 in UTC with a Z."""
    if not text.endswith("Z"):
        raise ValueError(f"{text[:40]!r} is no moment in UTC")
    datetime.fromisoformat(text)
    return text
