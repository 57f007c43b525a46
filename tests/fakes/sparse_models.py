"""Model files with the shapes and vocabularies of real ones; their data is a hole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fakes.gguf_writer import Gguf, padded, size

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Qwen:
    """A dense Qwen2.5 model in about four bits a weight."""

    layers: int
    embedding: int
    feed_forward: int
    heads: int
    kv_heads: int
    vocabulary: int
    tied: bool

    def header(self) -> Gguf:
        """Return its keys and tensors."""
        own: dict[str, Any] = {
            "context_length": 32768,
            "embedding_length": self.embedding,
            "block_count": self.layers,
            "feed_forward_length": self.feed_forward,
            "attention.head_count": self.heads,
            "attention.head_count_kv": self.kv_heads,
        }
        keys: dict[str, Any] = {"general.architecture": "qwen2", "general.name": "sparse"}
        keys |= {f"qwen2.{key}": value for key, value in own.items()}
        keys["tokenizer.ggml.tokens"] = [f"token{number}" for number in range(self.vocabulary)]
        table = (self.embedding, self.vocabulary)
        tensors = [("token_embd.weight", table, "Q6_K" if self.tied else "Q4_K")]
        tensors += [("output_norm.weight", (self.embedding,), "F32")]
        tensors += [] if self.tied else [("output.weight", table, "Q6_K")]
        for number in range(self.layers):
            tensors += self._layer(f"blk.{number}.")
        return Gguf(keys, tensors)

    def _layer(self, place: str) -> list[tuple[str, tuple[int, ...], str]]:
        wide, narrow = self.embedding, self.embedding // self.heads * self.kv_heads
        weights = {
            "attn_q": (wide, wide),
            "attn_k": (wide, narrow),
            "attn_v": (wide, narrow),
            "attn_output": (wide, wide),
            "ffn_gate": (wide, self.feed_forward),
            "ffn_up": (wide, self.feed_forward),
            "ffn_down": (self.feed_forward, wide),
        }
        norms = [(f"{place}{name}.weight", (wide,), "F32") for name in ("attn_norm", "ffn_norm")]
        biases = [(f"{place}{name}.bias", weights[name][1:], "F32") for name in ("attn_q", "attn_k", "attn_v")]
        return [*norms, *biases, *((f"{place}{name}.weight", shape, "Q4_K") for name, shape in weights.items())]

    def write(self, target: Path) -> None:
        """Write the header, and a hole where the data would be."""
        header = self.header()
        raw = header.header()
        end = padded(len(raw), header.alignment)
        for _, shape, kind in header.tensors:
            end = padded(end + size(shape, kind), header.alignment)
        with target.open("wb") as file:
            file.write(raw)
            file.truncate(end)


QWEN_3B = Qwen(36, 2048, 11008, 16, 2, 151936, tied=True)
QWEN_7B = Qwen(28, 3584, 18944, 28, 4, 152064, tied=False)
