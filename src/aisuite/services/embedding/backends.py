"""Which backend the settings ask for. Its library is imported only here, when it is asked for."""

from __future__ import annotations

from aisuite.services.embedding.backend import Opener, UnknownModel
from aisuite.services.embedding.hashing import MODEL, HashBackend
from aisuite.services.embedding.settings import EmbeddingSettings


def choose_backend(settings: EmbeddingSettings) -> Opener:
    """Return what opens the configured model, which may take minutes; it raises `ModelUnready`.

    What no waiting mends is told at once: raises `StartError`.
    """
    if settings.embedding_backend == "fastembed":
        from aisuite.services.embedding.fastembed import prepare_fastembed

        return prepare_fastembed(settings)
    if settings.embedding_backend == "llamacpp":
        from aisuite.services.embedding.llamacpp import prepare_llamacpp

        return prepare_llamacpp(settings)
    if settings.embedding_model != MODEL:
        raise UnknownModel(
            f"EMBEDDING_MODEL={settings.embedding_model!r} is not a model of EMBEDDING_BACKEND=hash; it has {MODEL}"
        )
    return HashBackend
