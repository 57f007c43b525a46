"""The `llamacpp` backend: a llama-server that was started with --embedding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from aisuite.services.common import OK, StartError
from aisuite.services.embedding.backend import BackendFailed, Embedded, ModelCard, ModelUnready, Opener
from aisuite.services.embedding.known_models import choose_prefixes
from aisuite.services.embedding.settings import EmbeddingSettings

_PROBE_TIMEOUT = 2.0
_MOST_SPECIAL = 4  # tokens that a model puts around a text
_DIGITS = 7  # about what a float32 keeps


class KeyUnreadable(StartError):
    """The llama-server's key file cannot be read."""

    exit_code = 3


def prepare_llamacpp(settings: EmbeddingSettings) -> Opener:
    """Return what asks the server about its model. Raises `KeyUnreadable`."""
    headers = {}
    if settings.embedding_llama_key_file is not None:
        headers["Authorization"] = f"Bearer {_read_key(settings.embedding_llama_key_file)}"
    address = str(settings.embedding_llama_url)

    def open_model() -> LlamaBackend:
        client = httpx.Client(
            base_url=address, headers=headers, timeout=settings.embedding_llama_timeout, trust_env=False
        )
        try:
            return LlamaBackend(client, settings)
        except BackendFailed as err:
            client.close()
            raise ModelUnready(err.message.partition(": ")[2]) from err

    return open_model


class LlamaBackend:
    """Embed by llama-server. Its texts are cut here at the model's limit, as it refuses longer ones."""

    quick_chars = 0

    def __init__(self, client: httpx.Client, settings: EmbeddingSettings) -> None:
        self._client = client
        limit = self._find_limit(settings.embedding_max_tokens)
        self._special = self._tokenize("")
        probe = self._call("POST", "/v1/embeddings", {"input": ["dimensions"]})
        query, passage = choose_prefixes(
            settings.embedding_model, settings.embedding_query_prefix, settings.embedding_passage_prefix
        )
        self.card = ModelCard(
            backend="llamacpp",
            model=settings.embedding_model,
            dim=len(probe["data"][0]["embedding"]),
            max_tokens=limit,
            query_prefix=query,
            passage_prefix=passage,
        )

    def embed(self, texts: Sequence[str]) -> Embedded:
        """Give one vector per text. Tokens are counted for the batch: each text gets a share by its length."""
        fitted = [self._fit(text) for text in texts]
        answer = self._call("POST", "/v1/embeddings", {"input": fitted})
        rows = sorted(answer["data"], key=lambda row: int(row["index"]))
        if len(rows) != len(texts):
            raise BackendFailed(f"{self._client.base_url} answered {len(rows)} of {len(texts)} texts")
        vectors = [_unit(row["embedding"]) for row in rows]
        tokens = _share(int(answer["usage"]["prompt_tokens"]), [len(text) for text in texts])
        return Embedded(vectors, tokens, tuple(at for at, text in enumerate(fitted) if not isinstance(text, str)))

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text; the server is asked for one after the other."""
        return [len(self._tokenize(text)) for text in texts]

    def state(self) -> str:
        """Ask the server whether it is well."""
        try:
            answer = self._client.get("/health", timeout=_PROBE_TIMEOUT)
        except httpx.HTTPError as err:
            return self._lost(err)
        return OK if answer.is_success else f"{self._client.base_url} answers {answer.status_code}"

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _fit(self, text: str) -> str | list[int]:
        """Return the text, or, where it is too long, as many of its tokens as the model takes."""
        limit = self.card.max_tokens or 0
        if len(text.encode()) + _MOST_SPECIAL <= limit:  # no token is shorter than a byte
            return text
        tokens = self._tokenize(text)
        if len(tokens) <= limit:
            return text
        ends = self._special and tokens[-1] == self._special[-1]  # models that pool there need their last token
        return [*tokens[: limit - 1], tokens[-1]] if ends else tokens[:limit]

    def _find_limit(self, wanted: int | None) -> int:
        context = int(self._call("GET", "/props")["default_generation_settings"]["n_ctx"])
        trained = self._call("GET", "/v1/models")["data"][0].get("meta") or {}
        known = [context, int(trained.get("n_ctx_train") or context), wanted or context]
        return min(known)

    def _tokenize(self, text: str) -> list[int]:
        tokens = self._call("POST", "/tokenize", {"content": text, "add_special": True})["tokens"]
        return [int(token) for token in tokens]

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.HTTPError as err:
            raise BackendFailed(self._lost(err)) from err
        if not answer.is_success:
            raise BackendFailed(f"{self._client.base_url} answers {answer.status_code} to {path}: {answer.text[:300]}")
        return answer.json()

    def _lost(self, err: httpx.HTTPError) -> str:
        return f"no answer from {self._client.base_url} ({type(err).__name__})"


def _read_key(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as err:
        raise KeyUnreadable(f"cannot read EMBEDDING_LLAMA_KEY_FILE={path}: {err}") from err


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [round(value / length, _DIGITS) for value in vector]


def _share(total: int, lengths: Sequence[int]) -> list[int]:
    """Divide a number by lengths so that the parts add up to it."""
    whole, given, seen = sum(lengths), 0, 0
    shares = []
    for length in lengths:
        seen += length
        until = round(total * seen / whole)
        shares.append(until - given)
        given = until
    return shares
