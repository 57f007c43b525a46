"""A model's shape, read out of its header the way llama.cpp reads it (llama-model.cpp, src/models/)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.vram.gguf_cursor import Skipped
from aisuite.vram.model import ModelShape

if TYPE_CHECKING:
    from aisuite.vram.gguf import Header, Value

MAX_LAYERS = 512  # llama.cpp's own limit, as the next one
MAX_EXPERTS = 1024
_LARGEST = 2**31 - 1

# Their graphs are known one by one; another architecture is planned as a plain transformer, if it looks like one.
KNOWN = frozenset(
    {"llama", "mistral3", "qwen2", "qwen2moe", "qwen3", "qwen3moe", "gemma", "gemma2", "gemma3", "phi3"},
)
_UNLIKE_ANY = {
    "gemma3n": "its layers share caches",
    "gemma4": "its layers share caches",
    "dream": "it is a diffusion model",
    "llada": "it is a diffusion model",
    "llada-moe": "it is a diffusion model",
    "rnd1": "it is a diffusion model",
}
_REFUSED_KEYS = (
    (".ssm.", "it has recurrent layers"),
    (".wkv.", "it has recurrent layers"),
    (".wkv_", "it has recurrent layers"),
    (".shortconv.", "it has convolution layers"),
    (".kda.", "it has linear attention"),
    (".attention.kv_lora_rank", "it has latent attention (MLA)"),
    (".attention.shared_kv_layers", "its layers share caches"),
    (".attention.key_length_swa", "its layers have heads of different sizes"),
    (".attention.indexer.", "it has sparse attention"),
    (".decoder_block_count", "it has an encoder and a decoder"),
    ("clip.", "it is the eye or ear of a model, not a language model"),
)
_LAYER = re.compile(r"blk\.(\d+)\.")


class NotPlannable(ValueError):
    """A model whose memory this planner cannot foresee, and why."""

    def __init__(self, why: str) -> None:
        super().__init__(f"cannot be planned: {why}")


@dataclass(frozen=True, slots=True)
class _Windows:
    """Which layers look at a window: all but the last (or the first) of each period."""

    period: int
    dense_first: bool = False
    window: int | None = None  # where the header has none

    def of(self, layers: int) -> tuple[bool, ...]:
        dense = 0 if self.dense_first else self.period - 1
        return tuple(layer % self.period != dense for layer in range(layers))


_WINDOWS = {
    "gemma2": _Windows(2, window=4096),
    "gemma3": _Windows(6),
    "cohere2": _Windows(4),
    "gpt-oss": _Windows(2),
    "llama4": _Windows(4, window=8192),
    "olmo2": _Windows(4),
    "smallthinker": _Windows(4, dense_first=True),
}


def shape_of(header: Header) -> ModelShape:
    """Return what a header says about memory. Raises NotPlannable."""
    return _Reader(header).shape()


class _Reader:
    """Reads `<architecture>.<key>` and checks what it reads."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._architecture = self._text("general.architecture")
        self._tensors = {tensor.name: tensor for tensor in header.tensors}

    def shape(self) -> ModelShape:
        """Put the shape together."""
        self._refuse()
        layers = self._number("block_count", most=MAX_LAYERS)
        embedding, vocabulary = self._token_embedding()
        heads = self._per_layer("attention.head_count", layers)
        kv_heads = self._per_layer("attention.head_count_kv", layers, default=heads)
        self._check_layers(layers, heads + kv_heads)
        experts = self._number("expert_count", 0, most=MAX_EXPERTS)
        feed_forward = self._per_layer("feed_forward_length", layers, default=(0,) * layers)
        window, windowed, assumed = self._windows(layers)
        if self._architecture not in KNOWN:
            assumed = (f"the architecture {self._architecture!r} is planned as a plain transformer", *assumed)
        return ModelShape(
            architecture=self._architecture,
            name=self._text("general.name", default=""),
            layers=layers,
            embedding=embedding,
            feed_forward=feed_forward,
            heads=heads,
            kv_heads=kv_heads,
            key_length=self._head_length("key", embedding // heads[0]),
            value_length=self._head_length("value", embedding // heads[0]),
            vocabulary=vocabulary,
            trained_context=self._number("context_length"),
            window=window,
            windowed=windowed,
            experts=experts,
            experts_used=self._number("expert_used_count", 0, most=MAX_EXPERTS) if experts else 0,
            expert_feed_forward=self._expert_feed_forward(feed_forward[0]) if experts else 0,
            tensors=self._header.tensors,
            file_bytes=self._header.file_bytes,
            assumed=assumed,
        )

    def _refuse(self) -> None:
        if self._architecture in _UNLIKE_ANY:
            raise NotPlannable(f"{self._architecture}: {_UNLIKE_ANY[self._architecture]}")
        for key in self._header.metadata:
            for part, why in _REFUSED_KEYS:
                if part in key:
                    raise NotPlannable(f"{self._architecture}: {why} ({key})")
        if self._value("attention.causal") is False:
            raise NotPlannable(f"{self._architecture}: it is an encoder, it has no KV cache")
        if self._number("nextn_predict_layers", 0):
            raise NotPlannable(f"{self._architecture}: it has layers that only predict further tokens")

    def _token_embedding(self) -> tuple[int, int]:
        embedding = self._number("embedding_length")
        tensor = self._tensors.get("token_embd.weight")
        if tensor is None:
            raise NotPlannable("the tensor 'token_embd.weight' is missing: this is a vocabulary alone, or a later part")
        if len(tensor.shape) != 2 or tensor.shape[0] != embedding:
            raise NotPlannable(f"'token_embd.weight' has the shape {tensor.shape}, embedding_length is {embedding}")
        return embedding, tensor.shape[1]

    def _check_layers(self, layers: int, heads: tuple[int, ...]) -> None:
        if not all(heads):
            raise NotPlannable(f"{self._architecture}: some of its layers have no attention")
        found = {int(match[1]) for name in self._tensors if (match := _LAYER.match(name)) and len(match[1]) <= 4}
        if found != set(range(layers)):
            raise NotPlannable(f"block_count is {layers}, and there are tensors of {len(found)} layers")

    def _head_length(self, what: str, default: int) -> int:
        length = self._number(f"attention.{what}_length", default)
        if not length:
            raise NotPlannable(f"the heads of {self._architecture!r} have no {what}s")
        return length

    def _expert_feed_forward(self, feed_forward: int) -> int:
        down = self._tensors.get("blk.0.ffn_down_exps.weight")
        return self._number("expert_feed_forward_length", down.shape[0] if down else feed_forward)

    def _windows(self, layers: int) -> tuple[int | None, tuple[bool, ...], tuple[str, ...]]:
        """Return the window, the layers that use it, and what had to be assumed."""
        everywhere_full = (False,) * layers
        known = _WINDOWS.get(self._architecture)
        window = self._number("attention.sliding_window", (known.window if known else None) or 0)
        if not window or (self._architecture in KNOWN and known is None):  # phi3: llama.cpp ignores its window
            return None, everywhere_full, ()
        pattern = self._value("attention.sliding_window_pattern")
        if isinstance(pattern, tuple) and len(pattern) >= layers:
            return window, tuple(bool(one) for one in pattern[:layers]), ()
        if type(pattern) is int and 0 < pattern <= _LARGEST:
            return window, _Windows(pattern, known is not None and known.dense_first).of(layers), ()
        if known is None:
            full = "the header does not say which layers use its sliding window: all are planned with the full context"
            return None, everywhere_full, (full,)
        return window, known.of(layers), ()

    def _value(self, key: str) -> Value | None:
        return self._header.metadata.get(f"{self._architecture}.{key}")

    def _text(self, key: str, default: str | None = None) -> str:
        value = self._header.metadata.get(key, default)
        if isinstance(value, Skipped):
            value = default
        if not isinstance(value, str):
            raise NotPlannable(f"the key {key!r} is missing, or no text")
        return value

    def _number(self, key: str, default: int | None = None, *, most: int = _LARGEST) -> int:
        value = self._value(key)
        if value is None:
            value = default
        elif isinstance(value, tuple) and len(set(value)) == 1:
            value = value[0]
        if type(value) is not int or not 0 <= value <= most or (value == 0 and default is None):
            raise NotPlannable(self._unusable(key, value))
        return value

    def _per_layer(self, key: str, layers: int, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        value = self._value(key)
        if value is None and default is not None:
            return default
        values = value if isinstance(value, tuple) else (value,) * layers
        numbers = tuple(one for one in values if type(one) is int and 0 <= one <= _LARGEST)
        if len(numbers) != layers or len(values) != layers:
            raise NotPlannable(self._unusable(key, value))
        return numbers

    def _unusable(self, key: str, value: object) -> str:
        name = f"{self._architecture}.{key}"
        return f"the key {name!r} is missing" if value is None else f"the key {name!r} cannot be {str(value)[:60]}"
