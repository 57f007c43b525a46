"""What a collection is made of: the body of its creation, kept as its schema and given back as its info."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

import qdrant_edge as edge
from pydantic import BeforeValidator, Field, field_validator, model_validator

from aisuite.services.vectordb.errors import NotSupported
from aisuite.services.vectordb.wire import Body, OnlyOne, Payload, Unsupported

DEFAULT_VECTOR = ""
_NAME_BYTES = 128


class Distance(StrEnum):
    """How vectors are compared."""

    COSINE = "Cosine"
    EUCLID = "Euclid"
    DOT = "Dot"
    MANHATTAN = "Manhattan"


class Datatype(StrEnum):
    """How a vector's numbers are stored."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    UINT8 = "uint8"


def _known_datatype(value: object) -> object:
    if isinstance(value, str) and value.startswith("turbo"):
        raise NotSupported(f"datatype {value}")
    return Datatype(value) if isinstance(value, str) else value


def _by_name(value: object) -> object:
    # A vector may itself be named "size": its value is then an object.
    alone = isinstance(value, dict) and not isinstance(value.get("size", {}), dict)
    return {DEFAULT_VECTOR: value} if alone else value


StoredAs = Annotated[Datatype | None, BeforeValidator(_known_datatype)]
Measure = Annotated[Distance, Field(strict=False)]


class MultiVectorParams(Body):
    """Several vectors per point, compared by the best match of each."""

    comparator: Annotated[str, Field(pattern="^max_sim$")]


class HnswParams(Body):
    """The graph index; the defaults are Qdrant's."""

    m: int | None = Field(default=None, ge=0, le=1024)
    ef_construct: int | None = Field(default=None, ge=4, le=100_000)
    full_scan_threshold: int | None = Field(default=None, ge=0)
    max_indexing_threads: int | None = Field(default=None, ge=0, le=1024)
    on_disk: bool | None = None
    payload_m: int | None = Field(default=None, ge=0, le=1024)
    memory: Unsupported = None
    inline_storage: Unsupported = None

    def engine_config(self) -> edge.HnswIndexConfig:
        """Fill the gaps with the defaults."""
        return edge.HnswIndexConfig(**{**HNSW_DEFAULTS, **self.model_dump(exclude_none=True)})


HNSW_DEFAULTS: dict[str, Any] = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000, "max_indexing_threads": 0}


class OptimizerParams(Body):
    """When the engine merges and indexes segments; the defaults are Qdrant's but for the indexing threshold."""

    deleted_threshold: float | None = Field(default=None, ge=0, le=1)
    vacuum_min_vector_number: int | None = Field(default=None, ge=100)
    default_segment_number: int | None = Field(default=None, ge=0, le=64)
    max_segment_size: int | None = Field(default=None, ge=1)
    indexing_threshold: int | None = Field(default=None, ge=0)
    memmap_threshold: Unsupported = None
    flush_interval_sec: Unsupported = None
    max_optimization_threads: Unsupported = None
    prevent_unoptimized: Unsupported = None

    def engine_config(self) -> edge.EdgeOptimizersConfig:
        """Fill the gaps with the defaults."""
        return edge.EdgeOptimizersConfig(**{**OPTIMIZER_DEFAULTS, **self.model_dump(exclude_none=True)})


# Qdrant's 10,000 KiB are more than the points that start an optimization here, which then would index nothing.
OPTIMIZER_DEFAULTS: dict[str, Any] = {
    "deleted_threshold": 0.2,
    "vacuum_min_vector_number": 1000,
    "default_segment_number": 0,
    "indexing_threshold": 1000,
}


class VectorParams(Body):
    """One dense vector of a collection."""

    size: int = Field(ge=1, le=65_536)
    distance: Measure
    hnsw_config: HnswParams | None = None
    on_disk: bool | None = None
    datatype: StoredAs = None
    multivector_config: MultiVectorParams | None = None
    quantization_config: Unsupported = None
    memory: Unsupported = None

    def engine_config(self) -> edge.EdgeVectorParams:
        """Make the engine's form of it."""
        multi = edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim) if self.multivector_config else None
        return edge.EdgeVectorParams(
            self.size,
            getattr(edge.Distance, self.distance.value),
            on_disk=self.on_disk,
            multivector_config=multi,
            datatype=_engine_datatype(self.datatype),
            hnsw_config=self.hnsw_config.engine_config() if self.hnsw_config else None,
        )


class SparseIndexParams(Body):
    """How a sparse vector is indexed."""

    full_scan_threshold: int | None = Field(default=None, ge=0)
    on_disk: bool | None = None
    datatype: StoredAs = None
    memory: Unsupported = None


class SparseVectorParams(Body):
    """One sparse vector of a collection."""

    index: SparseIndexParams | None = None
    modifier: Annotated[str, Field(pattern="^(idf|none)$")] | None = None

    def engine_config(self) -> edge.EdgeSparseVectorParams:
        """Make the engine's form of it."""
        index = self.index or SparseIndexParams()
        return edge.EdgeSparseVectorParams(
            full_scan_threshold=index.full_scan_threshold,
            on_disk=index.on_disk,
            modifier=edge.Modifier.Idf if self.modifier == "idf" else None,
            datatype=_engine_datatype(index.datatype),
        )


class CollectionSchema(Body):
    """The body of `PUT /collections/{name}`, which is also what is stored."""

    vectors: Annotated[dict[str, VectorParams], BeforeValidator(_by_name)] = Field(default_factory=dict)
    sparse_vectors: dict[str, SparseVectorParams] | None = None
    hnsw_config: HnswParams | None = None
    optimizers_config: OptimizerParams | None = None
    on_disk_payload: bool | None = None
    metadata: Payload | None = None
    shard_number: OnlyOne = None
    replication_factor: OnlyOne = None
    write_consistency_factor: OnlyOne = None
    sharding_method: Unsupported = None
    payload: Unsupported = None
    id_tracker: Unsupported = None
    wal_config: Unsupported = None
    quantization_config: Unsupported = None
    strict_mode_config: Unsupported = None

    @field_validator("vectors", mode="before")
    @classmethod
    def _none_is_no_dense_vector(cls, value: object) -> object:
        return {} if value is None else value

    @model_validator(mode="after")
    def _names_are_usable(self) -> Self:
        sparse = self.sparse_vectors or {}
        if not self.vectors and not sparse:
            raise ValueError("a collection needs at least one vector, dense or sparse")
        for name in [*(name for name in self.vectors if name != DEFAULT_VECTOR), *sparse]:
            if not _usable_vector_name(name):
                raise ValueError(f"vector name {name!r} must be 1 to {_NAME_BYTES} bytes without '/' or control signs")
        if twice := self.vectors.keys() & sparse.keys():
            raise ValueError(f"vector name {min(twice)!r} is given twice")
        return self

    @property
    def sparse(self) -> dict[str, SparseVectorParams]:
        """The sparse vectors by name."""
        return self.sparse_vectors or {}

    def engine_config(self, search_threads: int) -> edge.EdgeConfig:
        """Make the engine's form of the whole schema."""
        return edge.EdgeConfig(
            vectors={name: params.engine_config() for name, params in self.vectors.items()},
            sparse_vectors={name: params.engine_config() for name, params in self.sparse.items()},
            on_disk_payload=self.on_disk_payload,
            hnsw_config=(self.hnsw_config or HnswParams()).engine_config(),
            optimizers=(self.optimizers_config or OptimizerParams()).engine_config(),
            max_search_threads=search_threads,
            wal_enabled=True,
        )

    def config_json(self) -> dict[str, Any]:
        """Describe the schema as the `config` of a collection's info."""
        told = self.model_dump(mode="json", exclude_none=True)
        vectors = told["vectors"]
        params = {
            "vectors": vectors[DEFAULT_VECTOR] if list(vectors) == [DEFAULT_VECTOR] else vectors,
            "shard_number": 1,
            "replication_factor": 1,
            "write_consistency_factor": 1,
            "on_disk_payload": told.get("on_disk_payload", True),
        }
        if self.sparse:
            params["sparse_vectors"] = told["sparse_vectors"]
        return {
            "params": params,
            "hnsw_config": {**HNSW_DEFAULTS, **told.get("hnsw_config", {})},
            # Nothing is acknowledged before it is flushed.
            "optimizer_config": {**OPTIMIZER_DEFAULTS, "flush_interval_sec": 0, **told.get("optimizers_config", {})},
            "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
            "quantization_config": None,
            "metadata": told.get("metadata"),
        }


class SchemaChange(Body):
    """The body of `PATCH /collections/{name}`."""

    hnsw_config: HnswParams | None = None
    optimizers_config: OptimizerParams | None = None
    metadata: Payload | None = None
    vectors: Unsupported = None
    params: Unsupported = None
    quantization_config: Unsupported = None
    sparse_vectors: Unsupported = None
    strict_mode_config: Unsupported = None

    def apply(self, schema: CollectionSchema) -> CollectionSchema:
        """Lay the changed values over those of the schema."""
        changed: dict[str, Any] = {}
        for key in ("hnsw_config", "optimizers_config"):
            if (change := getattr(self, key)) is not None:
                now = getattr(schema, key) or type(change)()
                changed[key] = now.model_copy(update=change.model_dump(exclude_none=True))
        if self.metadata is not None:
            changed["metadata"] = {**(schema.metadata or {}), **self.metadata}
        return schema.model_copy(update=changed)


def _engine_datatype(datatype: Datatype | None) -> edge.VectorStorageDatatype | None:
    return None if datatype is None else getattr(edge.VectorStorageDatatype, datatype.value.capitalize())


def _usable_vector_name(name: str) -> bool:
    plain = name.isprintable() and "/" not in name and name not in {".", ".."}
    return plain and 0 < len(name.encode(errors="replace")) <= _NAME_BYTES
