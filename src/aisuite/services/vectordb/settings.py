"""What the vector store reads from its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from aisuite.services.common import ServiceSettings


class VectorDbSettings(ServiceSettings):
    """Where the data lies, and how much one request may ask."""

    vectordb_data_dir: Path
    vectordb_max_body_mib: int = Field(default=32, ge=1)
    vectordb_min_free_mib: int = Field(default=256, ge=0, description="writes stop below this much free disk")
    vectordb_optimize_after: int = Field(default=5000, ge=1, description="changed points that start an optimization")
