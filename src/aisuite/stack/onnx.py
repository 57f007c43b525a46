"""Embedding models in ONNX's format that `aisuite models pull` knows how to fetch, and where their files lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.profile.dependencies import EMBEDDING, embedding_backend, running_services
from aisuite.stack.model import ModelFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aisuite.profile.model import Profile
    from aisuite.stack.places import Places

_BESIDE = ("config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A repository of the hub, and the weights in it that fastembed reads."""

    repo: str
    weights: str

    @property
    def files(self) -> tuple[str, ...]:
        """Everything that fastembed opens, the weights last: they are the largest."""
        return (*_BESIDE, self.weights)


# The first is not in fastembed's list; of the others the list says the same, which a test compares.
ONNX_MODELS: Mapping[str, OnnxModel] = {
    "intfloat/multilingual-e5-small": OnnxModel("intfloat/multilingual-e5-small", "onnx/model.onnx"),
    "BAAI/bge-small-en-v1.5": OnnxModel("Qdrant/bge-small-en-v1.5-onnx-Q", "model_optimized.onnx"),
}


def onnx_folder(profile: Profile, places: Places) -> Path | None:
    """Return the folder of the embedding model in ONNX's format; None where fastembed keeps its own files."""
    settings = profile.services.embedding
    if settings.folder is not None:
        return places.site.working_dir / settings.folder
    known = _wanted(profile)
    return None if known is None else places.models / known.repo.replace("/", "--")


def onnx_files(profile: Profile, places: Places) -> tuple[ModelFile, ...]:
    """Return the files of the embedding model that are to be fetched; none where the owner brings a folder."""
    known, folder = _wanted(profile), onnx_folder(profile, places)
    if known is None or folder is None:
        return ()
    short = profile.services.embedding.model.rpartition("/")[2]
    return tuple(
        ModelFile(
            model=f"{short}/{name}",  # no name in `models` has a slash
            service=EMBEDDING,
            path=folder / name,
            repo=known.repo,
            file=name,
            revision="main",
            sha256=None,
            demo_sentence=None,
        )
        for name in known.files
    )


def _wanted(profile: Profile) -> OnnxModel | None:
    settings = profile.services.embedding
    if EMBEDDING not in running_services(profile) or embedding_backend(profile) != "fastembed":
        return None
    return None if settings.folder is not None or settings.download else ONNX_MODELS.get(settings.model)
