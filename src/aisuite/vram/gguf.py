"""The header of a GGUF file: bounded, and never the tensors' data.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
What llama.cpp refuses is refused here: a plan for such a file would be a plan for nothing.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Final

from aisuite.vram.ggml_types import BY_ID
from aisuite.vram.gguf_cursor import Cursor, GgufInvalid, Read, Scalar, Skipped
from aisuite.vram.model import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MAX_KEYS = 2**14
MAX_KEY = 2**16 - 1  # bytes
MAX_TENSORS = 2**15
MAX_TENSOR_NAME = 63  # ggml's own limit
MAX_DIMENSIONS = 4
MAX_PARTS = 999
MAX_ALIGNMENT = 2**16

_MAGIC = int.from_bytes(b"GGUF", "little")
_STRING, _ARRAY = 8, 9
_SCALARS: Final = {
    number: (name, struct.Struct(f"<{letter}"))
    for number, name, letter in (
        (0, "u8", "B"),
        (1, "i8", "b"),
        (2, "u16", "H"),
        (3, "i16", "h"),
        (4, "u32", "I"),
        (5, "i32", "i"),
        (6, "f32", "f"),
        (7, "bool", "?"),
        (10, "u64", "Q"),
        (11, "i64", "q"),
        (12, "f64", "d"),
    )
}
_LARGEST = 2**63 - 1
_PART = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<count>\d{5})\.gguf")

Value = Scalar | str | tuple[Scalar, ...] | Skipped


@dataclass(frozen=True, slots=True)
class Header:
    """What a file, or all parts of a split model, says about itself."""

    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    data_offset: int  # of the first part
    file_bytes: int  # all parts


def parse_header(read: Read, size: int) -> Header:
    """Read the header of a file of `size` bytes. Raises GgufInvalid.

    `read(offset, size)` returns the bytes there, fewer only where the file ends. What it raises goes to the caller.
    """
    cursor = Cursor(read, size)
    version = _version(cursor)
    tensor_count = cursor.count("tensors", MAX_TENSORS)
    metadata = _metadata(cursor, cursor.count("keys", MAX_KEYS))
    tensors = tuple(_tensor(cursor) for _ in range(tensor_count))
    alignment = _alignment(metadata)
    data_offset = _padded(cursor.position, alignment)
    _check_names(tensors)
    _check_places(tensors, alignment, size - data_offset)
    return Header(version, metadata, tensors, data_offset, size)


def part_names(name: str) -> tuple[str, ...]:
    """Return all files of a model: of `m-00001-of-00003.gguf` three, of any other name itself. Raises GgufInvalid."""
    match = _PART.fullmatch(name)
    if match is None:
        return (name,)
    count = int(match["count"])
    if not 1 <= count <= MAX_PARTS:
        raise GgufInvalid(f"the name says that the model has {count} parts; {MAX_PARTS} is the most that is read")
    return tuple(f"{match['stem']}-{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1))


def joined(parts: Sequence[Header]) -> Header:
    """Make one header of a split model's parts, in their order. Raises GgufInvalid when they are not one model."""
    first = parts[0]
    declared = first.metadata.get("split.count") or 1
    if declared != len(parts):
        raise GgufInvalid(f"a part of a model in {declared} parts, named as one of {len(parts)}")
    for number, part in enumerate(parts):
        if part.metadata.get("split.no", 0) != number:
            raise GgufInvalid(f"part {number + 1} says that it is another one (split.no)")
    tensors = tuple(replace(one, part=number) for number, part in enumerate(parts) for one in part.tensors)
    _check_names(tensors)
    promised = first.metadata.get("split.tensors.count", len(tensors))
    if promised != len(tensors):
        raise GgufInvalid(f"the parts have {len(tensors)} tensors together, the first one promises {promised}")
    return replace(first, tensors=tensors, file_bytes=sum(part.file_bytes for part in parts))


def _version(cursor: Cursor) -> int:
    if cursor.size < 4 or cursor.u32() != _MAGIC:
        raise GgufInvalid("byte 0: this is no GGUF file, it does not begin with 'GGUF'")
    version = cursor.u32()
    if version in {2, 3}:
        return version
    if version and version & 0xFFFF == 0:
        raise cursor.fault("a big-endian GGUF; llama.cpp reads the little-endian one")
    raise cursor.fault(f"GGUF version {version}; versions 2 and 3 can be read")


def _metadata(cursor: Cursor, count: int) -> dict[str, Value]:
    metadata: dict[str, Value] = {}
    for _ in range(count):
        key = cursor.name(MAX_KEY)
        if key in metadata:
            raise cursor.fault(f"the key {key[:80]!r} is there twice")
        metadata[key] = _value(cursor, key)
    return metadata


def _value(cursor: Cursor, key: str) -> Value:
    kind = cursor.u32()
    if kind == _STRING:
        return cursor.text()
    if kind in _SCALARS:
        return cursor.scalar(_SCALARS[kind][1])
    if kind != _ARRAY:
        raise cursor.fault(f"the key {key[:80]!r} has the unknown type {kind}")
    kind, count = cursor.u32(), cursor.u64()
    if kind == _STRING:
        return cursor.strings(count)
    if kind not in _SCALARS:  # arrays of arrays too: llama.cpp has no use for them
        raise cursor.fault(f"the key {key[:80]!r} is an array of the type {kind}, which cannot be read")
    name, form = _SCALARS[kind]
    return cursor.numbers(form, name, count)


def _tensor(cursor: Cursor) -> Tensor:
    name = cursor.name(MAX_TENSOR_NAME)
    dimensions = cursor.u32()
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise cursor.fault(f"the tensor {name!r} has {dimensions} dimensions")
    shape = tuple(cursor.u64() for _ in range(dimensions))
    number = cursor.u32()
    kind = BY_ID.get(number)
    if kind is None:
        raise cursor.fault(f"the tensor {name!r} has the type {number}, which this aisuite does not know")
    if not 0 < prod(shape) <= _LARGEST or shape[0] % kind.block:
        raise cursor.fault(f"the tensor {name!r} cannot have the shape {shape} and the type {kind.name}")
    return Tensor(name, shape, kind.name, kind.row_bytes(shape[0]) * prod(shape[1:]), cursor.u64())


def _alignment(metadata: Mapping[str, Value]) -> int:
    alignment = metadata.get("general.alignment", 32)
    if type(alignment) is not int or not 1 <= alignment <= MAX_ALIGNMENT or alignment & (alignment - 1):
        raise GgufInvalid("general.alignment is no power of two that can be meant")
    return alignment


def _padded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def _check_names(tensors: Iterable[Tensor]) -> None:
    seen: set[str] = set()
    for tensor in tensors:
        if tensor.name in seen:
            raise GgufInvalid(f"the tensor {tensor.name!r} is there twice")
        seen.add(tensor.name)


def _check_places(tensors: Iterable[Tensor], alignment: int, available: int) -> None:
    """Tensors follow one another without gaps, and lie inside the file."""
    expected = 0
    for tensor in tensors:
        if tensor.offset != expected:
            raise GgufInvalid(f"the tensor {tensor.name!r} lies at {tensor.offset} instead of {expected}")
        if tensor.offset + tensor.bytes > available:
            missing = tensor.offset + tensor.bytes - available
            raise GgufInvalid(f"the tensor {tensor.name!r} ends {missing} bytes behind the file's end; it is cut short")
        expected = _padded(tensor.offset + tensor.bytes, alignment)
