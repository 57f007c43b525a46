"""Writes GGUF headers, true ones and false ones."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aisuite.vram.ggml_types import BY_ID, BY_NAME
from aisuite.vram.gguf_cursor import Read

U32, F32, BOOL, STRING, ARRAY, U64 = 4, 6, 7, 8, 9, 10
FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_IDS = {kind.name: number for number, kind in BY_ID.items()}


@dataclass(frozen=True)
class Typed:
    """A value with the type it is written as; a list is an array of that type."""

    type: int
    value: Any


@dataclass
class Gguf:
    """A file to be written. `counts` overrides the true numbers of tensors and keys."""

    metadata: Mapping[str, Any] = field(default_factory=dict)
    tensors: Sequence[tuple[str, tuple[int, ...], str]] = ()
    version: int = 3
    magic: bytes = b"GGUF"
    counts: tuple[int, int] | None = None
    alignment: int = 32
    offsets: Mapping[str, int] = field(default_factory=dict)

    def header(self) -> bytes:
        """All bytes before the padding and the data."""
        tensors, keys = self.counts or (len(self.tensors), len(self.metadata))
        head = self.magic + struct.pack("<IQQ", self.version, tensors, keys)
        return head + b"".join(text(key) + value(one) for key, one in self.metadata.items()) + self._infos()

    def file(self) -> bytes:
        """The header and tensors full of zeros."""
        header = self.header()
        end = padded(len(header), self.alignment)
        for _, shape, kind in self.tensors:
            end = padded(end + size(shape, kind), self.alignment)
        return header.ljust(end, b"\0")

    def _infos(self) -> bytes:
        infos, offset = b"", 0
        for name, shape, kind in self.tensors:
            place = self.offsets.get(name, offset)
            infos += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, _IDS[kind], place)
            offset = padded(offset + size(shape, kind), self.alignment)
        return infos


def text(content: str | bytes) -> bytes:
    """A string with its length."""
    raw = content.encode() if isinstance(content, str) else content
    return struct.pack("<Q", len(raw)) + raw


def value(one: Any) -> bytes:
    """A value with its type; plain Python values become the type that converters use."""
    kind, content = (one.type, one.value) if isinstance(one, Typed) else (_type(one), one)
    if isinstance(content, list):
        return struct.pack("<IIQ", ARRAY, kind, len(content)) + b"".join(_bare(kind, item) for item in content)
    return struct.pack("<I", kind) + _bare(kind, content)


def reader(content: bytes) -> Read:
    """What reads these bytes."""
    return lambda offset, size: content[offset : offset + size]


def size(shape: tuple[int, ...], kind: str) -> int:
    """Bytes of a tensor."""
    rows = 1
    for length in shape[1:]:
        rows *= length
    return BY_NAME[kind].row_bytes(shape[0]) * rows


def padded(end: int, alignment: int) -> int:
    """The next place where data may begin."""
    return -(-end // alignment) * alignment


def transformer(architecture: str = "llama", layers: int = 2, **keys: Any) -> Gguf:
    """A tiny model with the usual tensors; `keys` add to or replace its architecture's keys, None removes one."""
    own = {
        "context_length": 512,
        "embedding_length": 64,
        "block_count": layers,
        "feed_forward_length": 128,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        **keys,
    }
    metadata: dict[str, Any] = {"general.architecture": architecture, "general.name": "tiny"}
    metadata |= {f"{architecture}.{key}": one for key, one in own.items() if one is not None}
    metadata["tokenizer.ggml.tokens"] = [f"token{number}" for number in range(96)]
    tensors = [("token_embd.weight", (64, 96), "Q8_0"), ("output_norm.weight", (64,), "F32")]
    for layer in range(layers):
        tensors += [
            (f"blk.{layer}.attn_norm.weight", (64,), "F32"),
            (f"blk.{layer}.attn_q.weight", (64, 64), "Q8_0"),
            (f"blk.{layer}.attn_k.weight", (64, 32), "Q8_0"),
            (f"blk.{layer}.attn_v.weight", (64, 32), "Q8_0"),
            (f"blk.{layer}.attn_output.weight", (64, 64), "Q8_0"),
            (f"blk.{layer}.ffn_norm.weight", (64,), "F32"),
            (f"blk.{layer}.ffn_gate.weight", (64, 128), "Q8_0"),
            (f"blk.{layer}.ffn_up.weight", (64, 128), "Q8_0"),
            (f"blk.{layer}.ffn_down.weight", (128, 64), "Q8_0"),
        ]
    return Gguf(metadata, tensors)


def _type(content: Any) -> int:
    sample = content[0] if isinstance(content, list) else content
    return {bool: BOOL, int: U32, float: F32, str: STRING}[type(sample)]


def _bare(kind: int, content: Any) -> bytes:
    return text(content) if kind == STRING else struct.pack(f"<{FORMATS[kind]}", content)
