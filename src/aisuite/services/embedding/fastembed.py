"""The `fastembed` backend: models in ONNX's format on the CPU, from the network or from a folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aisuite.services.common import OK, StartError
from aisuite.services.embedding.backend import BackendFailed, Embedded, ModelCard, ModelUnready, Opener, UnknownModel
from aisuite.services.embedding.known_models import choose_prefixes
from aisuite.services.embedding.settings import EmbeddingSettings

if TYPE_CHECKING:
    from fastembed import TextEmbedding

_MODEL_FILES = ("onnx/model.onnx", "model.onnx", "model_optimized.onnx")
_POOLINGS = {"mean": "MEAN", "cls": "CLS", "last": "LAST_TOKEN"}
_DIGITS = 7  # about what a float32 keeps


class Unlisted(NamedTuple):
    """What fastembed must be told of a model that is not in its list."""

    dim: int
    pooling: str
    file: str = "onnx/model.onnx"


# Not in fastembed's list, but its repository holds what fastembed reads.
_UNLISTED = {"intfloat/multilingual-e5-small": Unlisted(384, "mean")}


class LibraryMissing(StartError):
    """fastembed is not installed."""

    exit_code = 2


class FolderUnusable(StartError):
    """The model's folder is not what fastembed reads."""

    exit_code = 2


def prepare_fastembed(settings: EmbeddingSettings) -> Opener:
    """Return what loads the model, downloading it if that is allowed. Raises `StartError`."""
    try:
        from fastembed import TextEmbedding
    except ImportError as err:
        raise LibraryMissing(f"EMBEDDING_BACKEND=fastembed needs: pip install 'aisuite[fastembed]' ({err})") from err
    name, folder = settings.embedding_model, settings.embedding_model_path
    listed = {str(one["model"]).lower() for one in TextEmbedding.list_supported_models()}
    if name.lower() not in listed:
        _register(name, _read_folder(folder, settings) if folder else _find_unlisted(name))
    if folder is None and not settings.embedding_download and settings.embedding_cache_dir is None:
        raise FolderUnusable(f"{name} is nowhere: set EMBEDDING_MODEL_PATH to its folder, or EMBEDDING_DOWNLOAD=true")
    return lambda: _load(settings)


def _load(settings: EmbeddingSettings) -> FastembedBackend:
    from fastembed import TextEmbedding

    folder, cache = settings.embedding_model_path, settings.embedding_cache_dir
    expected: tuple[type[Exception], ...] = (ValueError, OSError, *_onnx_errors())
    try:
        model = TextEmbedding(
            settings.embedding_model,
            cache_dir=str(cache) if cache else None,
            threads=settings.embedding_threads,
            cuda=False,
            specific_model_path=str(folder) if folder else None,
            local_files_only=folder is not None or not settings.embedding_download,
        )
        return FastembedBackend(model, settings)
    except expected as err:
        raise ModelUnready(f"{settings.embedding_model} cannot be loaded: {err}") from err


class FastembedBackend:
    """Embed by an ONNX model."""

    quick_chars = 0

    def __init__(self, model: TextEmbedding, settings: EmbeddingSettings) -> None:
        from tokenizers import Tokenizer

        self._model = model
        inner: Any = model.model
        cutting: Any = inner.tokenizer
        limit = int(cutting.truncation["max_length"])
        if settings.embedding_max_tokens is not None and settings.embedding_max_tokens < limit:
            limit = settings.embedding_max_tokens
            cutting.enable_truncation(max_length=limit)
        self._counting: Tokenizer = Tokenizer.from_str(cutting.to_str())
        self._counting.no_truncation()
        self._counting.no_padding()
        query, passage = choose_prefixes(
            settings.embedding_model, settings.embedding_query_prefix, settings.embedding_passage_prefix
        )
        self.card = ModelCard(
            backend="fastembed",
            model=settings.embedding_model,
            dim=len(next(iter(model.embed(["dimensions"])))),
            max_tokens=limit,
            query_prefix=query,
            passage_prefix=passage,
            pooling=settings.embedding_pooling,
        )

    def embed(self, texts: Sequence[str]) -> Embedded:
        """Give one unit vector per text."""
        import numpy as np

        limit = self.card.max_tokens or sys.maxsize
        lengths = self.count(texts)
        try:
            rows = np.asarray(list(self._model.embed(list(texts), batch_size=len(texts))), dtype=np.float64)
        except _onnx_errors() as err:
            raise BackendFailed(str(err)) from err
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        vectors: list[list[float]] = np.round(rows, _DIGITS).tolist()
        cut = tuple(index for index, length in enumerate(lengths) if length > limit)
        return Embedded(vectors, [min(length, limit) for length in lengths], cut)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text."""
        return [len(encoding.ids) for encoding in self._counting.encode_batch(list(texts))]

    def state(self) -> str:
        """Return "ok": what is loaded stays."""
        return OK

    def close(self) -> None:
        """Leave the memory to the end of the process."""


def _onnx_errors() -> tuple[type[Exception], ...]:
    """Return what onnxruntime raises: these have no root in common but Exception."""
    state = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    found = (getattr(state, name) for name in dir(state))
    return tuple(one for one in found if isinstance(one, type) and issubclass(one, Exception))


def _register(name: str, model: Unlisted) -> None:
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    TextEmbedding.add_custom_model(
        model=name,
        pooling=PoolingType[_POOLINGS[model.pooling]],
        normalization=True,
        sources=ModelSource(hf=name),
        dim=model.dim,
        model_file=model.file,
    )


def _find_unlisted(name: str) -> Unlisted:
    try:
        return _UNLISTED[name]
    except KeyError:
        raise UnknownModel(
            f"EMBEDDING_MODEL={name!r} is not in fastembed's list; put its files into a folder and name that in "
            "EMBEDDING_MODEL_PATH"
        ) from None


def _read_folder(folder: Path, settings: EmbeddingSettings) -> Unlisted:
    """Find out what a folder holds. Raises `FolderUnusable`."""
    file = next((name for name in _MODEL_FILES if (folder / name).is_file()), None)
    if file is None:
        raise FolderUnusable(f"EMBEDDING_MODEL_PATH={folder} holds none of {', '.join(_MODEL_FILES)}")
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        if not (folder / name).is_file():
            raise FolderUnusable(f"EMBEDDING_MODEL_PATH={folder} holds no {name}")
    try:
        config: Any = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        dim = int(config["hidden_size"])
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise FolderUnusable(f"{folder / 'config.json'} names no hidden_size: {err}") from err
    return Unlisted(dim, settings.embedding_pooling or "mean", file)
