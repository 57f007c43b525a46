"""A bundle: one backup of one project, a plain folder with a manifest that was written last.

    <id>/manifest.json            what is in it, and what each file must be
    <id>/verified.json            what was checked since, and when; no part of the manifest
    <id>/databases/<service>/<name>.zst
    <id>/folders/<service>/<name>.tar.zst ... one file of the folder each, below folders/<service>/<folder>/
    <id>/collections/<service>/<collection>.snapshot
    <id>/config/<name>.zst        the rendered generation, state.json among it
    <id>/secrets/<name>.age       only when asked for, and never in clear

An id sorts by time: 20261121T141500Z, and behind it "-<name>" when a name was given. Databases are SQLite files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1  # of the folder and the manifest; a bundle of a newer format is refused


class Kind(StrEnum):
    """What a file of a bundle holds."""

    DATABASE = "database"
    FOLDER = "folder"
    COLLECTION = "collection"
    CONFIG = "config"
    SECRET = "secret"  # noqa: S105
    MODEL = "model"


class Level(StrEnum):
    """How well a bundle was verified, from little to much."""

    QUICK = "quick"  # every file is there, with its size and SHA-256, and nothing else
    FULL = "full"  # and each database, unpacked, passes SQLite's checks and has the rows of the manifest
    DRILL = "drill"  # and a scratch project restored from it answers as the manifest says


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file, as it lies in the bundle."""

    path: str  # below the bundle, with "/"
    kind: Kind
    size: int  # bytes
    sha256: str
    service: str | None = None  # whose it is; None: the project's
    restores_to: str | None = None  # absolute path that it was copied from
    unpacked_size: int | None = None  # of what is compressed; nothing larger is ever unpacked
    unpacked_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What a database held when it was copied."""

    file: str  # path of its BundleFile
    schema_version: int  # PRAGMA user_version
    rows: Mapping[str, int]  # by table
    content_digest: str  # of every row of every table, in an order of its own: the same rows give the same digest


@dataclass(frozen=True, slots=True)
class CollectionFacts:
    """What a collection held when its snapshot was made."""

    file: str
    service: str
    name: str  # the collection's own name
    aliases: tuple[str, ...]
    points: int
    dim: int
    distance: str
    samples: Mapping[str, str] = field(default_factory=dict)  # id of some points -> digest of vector and payload


@dataclass(frozen=True, slots=True)
class ModelReference:
    """A model file that is not in the bundle, and how to know it."""

    path: str
    size: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that one must know of a bundle before one touches anything."""

    id: str
    name: str | None
    created: str  # UTC, ISO 8601 with Z
    aisuite: str  # version that made it
    project: str
    engine: str
    profile: str
    phase: int
    generation: int | None
    services: tuple[str, ...]  # those that declare state
    files: tuple[BundleFile, ...]
    databases: tuple[DatabaseFacts, ...] = ()
    collections: tuple[CollectionFacts, ...] = ()
    models: tuple[ModelReference, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)  # image -> digest or id
    facts: Mapping[str, str] = field(default_factory=dict)  # of the engine: its version; "qdrant": <service>'s version
    secrets_left_out: tuple[str, ...] = ()
    format: int = FORMAT

    @property
    def bytes(self) -> int:
        """What all files take together."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Verified:
    """When a bundle passed which level."""

    level: Level
    at: str  # UTC, ISO 8601 with Z
    rto: float | None = None  # seconds from an empty place to a healthy answer; measured by a drill only


@dataclass(frozen=True, slots=True)
class KeptState:
    """What one service of a project keeps, as `state.json` in the project folder says."""

    service: str
    databases: tuple[str, ...]
    folders: tuple[str, ...]
    vectors: str | None  # base URL of its Qdrant REST API on this machine
    maintenance: str | None  # URL on this machine
    reconcile: str | None  # URL on this machine
