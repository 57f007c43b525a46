from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import gguf
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.vram.ggml_types import BY_NAME
from aisuite.vram.gguf import MAX_PARTS, Header, joined, parse_header, part_names
from aisuite.vram.gguf_cursor import KEPT_NUMBERS, KEPT_TEXT, MAX_HEADER, MAX_STRINGS, GgufInvalid, Skipped
from tests.fakes.gguf_writer import ARRAY, FORMATS, STRING, U32, Gguf, Typed, padded, reader, text, transformer, value

TINY = transformer()
TINY_FILE = TINY.file()
TINY_HEADER = TINY.header()
HUGE = 2**60


def parse(content: bytes, size: int | None = None) -> Header:
    return parse_header(reader(content), len(content) if size is None else size)


def key(raw: bytes) -> bytes:
    """A file with one key `k` of these raw bytes."""
    return Gguf(counts=(0, 1)).header() + text("k") + raw


def refused(content: bytes, size: int | None = None) -> str:
    with pytest.raises(GgufInvalid) as caught:
        parse(content, size)
    return str(caught.value)


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_every_type_of_number_is_read_alone_and_in_arrays(kind: int) -> None:
    one = struct.unpack(f"<{FORMATS[kind]}", b"\1" * struct.calcsize(FORMATS[kind]))[0]
    header = parse(Gguf({"alone": Typed(kind, one), "many": Typed(kind, [one] * 3)}).header())
    assert header.metadata == {"alone": one, "many": (one,) * 3}


@pytest.mark.parametrize("version", [2, 3])
def test_both_versions_are_read(version: int) -> None:
    assert parse(replace(TINY, version=version).file()).version == version


def test_tensors_are_listed_with_shape_type_size_and_place() -> None:
    header = parse(TINY_FILE)
    assert [(one.name, one.shape, one.type) for one in header.tensors] == list(TINY.tensors)
    assert header.data_offset == padded(len(TINY_HEADER), 32)
    embedding, norm = header.tensors[:2]
    assert (embedding.bytes, embedding.offset, norm.offset) == (96 * 2 * 34, 0, 96 * 2 * 34)


def test_long_texts_and_token_lists_are_counted_not_kept() -> None:
    header = parse(
        Gguf(
            {
                "template": "x" * (KEPT_TEXT + 1),
                "tokens": ["a", "", "한국어"] * 100_000,
                "scores": [0.5] * (KEPT_NUMBERS + 1),
                "name": "x" * KEPT_TEXT,
            },
        ).header()
    )
    assert header.metadata == {
        "template": Skipped("string", KEPT_TEXT + 1),
        "tokens": Skipped("string", 300_000),
        "scores": Skipped("f32", KEPT_NUMBERS + 1),
        "name": "x" * KEPT_TEXT,
    }


def test_a_file_of_the_reference_writer_is_read_as_it_was_meant(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_custom_alignment(64)
    writer.add_head_count_kv([2, 4])
    writer.add_token_list(["a", "b"])
    writer.add_tensor("token_embd.weight", numpy.zeros((3, 5), dtype=numpy.float32))
    writer.add_tensor("q", numpy.zeros((4, 34), dtype=numpy.uint8), raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    header = parse(path.read_bytes())
    assert header.metadata["llama.attention.head_count_kv"] == (2, 4)
    assert header.metadata["tokenizer.ggml.tokens"] == Skipped("string", 2)
    assert [(one.shape, one.type, one.offset) for one in header.tensors] == [((5, 3), "F32", 0), ((32, 4), "Q8_0", 64)]


@pytest.mark.parametrize(
    "kind", [one for one in gguf.GGML_QUANT_SIZES if one.name in BY_NAME], ids=lambda one: one.name
)
def test_blocks_have_the_size_that_ggml_gives_them(kind: gguf.GGMLQuantizationType) -> None:
    known = BY_NAME[kind.name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    # The Python package has the layout that Q8_1 had in 2023; in ggml's C code its block has two half floats.
    assert (known.block, known.block_bytes) == (elements, 36 if kind.name == "Q8_1" else size)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no GGUF file"),
        (b"GGM", "no GGUF file"),
        (b"PK\3\4" + bytes(60), "no GGUF file"),
        (replace(TINY, magic=b"ggml").file(), "no GGUF file"),
        (replace(TINY, version=1).file(), "version 1"),
        (replace(TINY, version=0).file(), "version 0"),
        (replace(TINY, version=4).file(), "version 4"),
        (replace(TINY, version=3 << 24).file(), "big-endian"),
        (replace(TINY, counts=(HUGE, 0)).file(), f"{HUGE} tensors"),
        (replace(TINY, counts=(0, HUGE)).file(), f"{HUGE} keys"),
        (Gguf(counts=(0, 1)).header() + struct.pack("<Q", HUGE), f"{HUGE} bytes of a name"),
        (key(struct.pack("<IQ", STRING, HUGE)), "the file ends"),
        (key(struct.pack("<IIQ", ARRAY, U32, HUGE)), "the file ends"),
        (key(struct.pack("<IIQ", ARRAY, STRING, HUGE)), "strings in arrays"),
        (key(struct.pack("<IIQQ", ARRAY, STRING, 2, 2**64 - 1) + bytes(64)), "the file ends"),
        (key(struct.pack("<IIQ", ARRAY, ARRAY, 1) * 1000), "array of the type 9"),
        (key(struct.pack("<I", 13)), "unknown type 13"),
        (key(struct.pack("<IIQ", ARRAY, 99, 1)), "array of the type 99"),
    ],
)
def test_a_header_that_lies_is_refused_with_its_place(content: bytes, words: str) -> None:
    message = refused(content)
    assert words in message
    assert message.startswith("byte ")


@pytest.mark.parametrize(
    ("name", "shape", "kind", "words"),
    [
        ("t" * 64, (32,), "F32", "64 bytes of a name"),
        ("t", (), "F32", "0 dimensions"),
        ("t", (1,) * 5, "F32", "5 dimensions"),
        ("t", (0,), "F32", "shape (0,)"),
        ("t", (2**40, 2**40), "F32", "cannot have the shape"),
        ("t", (33,), "Q4_0", "cannot have the shape"),
        ("t", (2**30,), "F32", "behind the file's end"),
    ],
)
def test_a_tensor_that_cannot_be_is_refused(name: str, shape: tuple[int, ...], kind: str, words: str) -> None:
    info = text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, {"F32": 0, "Q4_0": 2}[kind], 0)
    assert words in refused(Gguf(counts=(1, 0)).header() + info + bytes(4096))


def test_a_type_of_tensor_from_the_future_is_named() -> None:
    info = text("t") + struct.pack("<IQIQ", 1, 32, 77, 0)
    assert "'t' has the type 77" in refused(Gguf(counts=(1, 0)).header() + info + bytes(4096))


@pytest.mark.parametrize("place", [32, 8, HUGE])
def test_a_tensor_that_does_not_follow_the_one_before_is_refused(place: int) -> None:
    assert "lies at" in refused(replace(TINY, offsets={"output_norm.weight": place}).file())


def test_what_is_there_twice_is_refused() -> None:
    twice = value(1)
    assert "the key 'k' is there twice" in refused(
        Gguf(counts=(0, 2)).header() + text("k") + twice + text("k") + twice,
    )
    assert "'t' is there twice" in refused(Gguf({}, [("t", (32,), "F32")] * 2).file())


@pytest.mark.parametrize("alignment", [0, 3, 2**31, "32", True])
def test_an_alignment_that_cannot_be_meant_is_refused(alignment: int | str) -> None:
    assert "general.alignment" in refused(Gguf({"general.alignment": alignment}).header())


def test_a_header_larger_than_any_model_has_is_refused_unread() -> None:
    read: list[int] = []

    def zeros(offset: int, size: int) -> bytes:
        read.append(size)
        return head[offset : offset + size].ljust(size, b"\0")

    head = key(struct.pack("<IIQ", ARRAY, 0, MAX_HEADER))
    with pytest.raises(GgufInvalid, match="a header of more than 64 MiB"):
        parse_header(zeros, 2**40)
    assert sum(read) <= 2**20


def test_strings_are_counted_over_all_arrays() -> None:
    half = struct.pack("<IIQ", ARRAY, STRING, MAX_STRINGS // 2 + 1) + bytes(8 * (MAX_STRINGS // 2 + 1))
    content = Gguf(counts=(0, 2)).header() + text("a") + half + text("b") + half
    assert "strings in arrays" in refused(content)


def test_names_are_kept_up_to_a_limit() -> None:
    pairs = b"".join(text(f"{number:05d}".ljust(60_000, "k")) + value(1) for number in range(200))
    assert "8 MiB of names" in refused(Gguf(counts=(0, 200)).header() + pairs)


def test_only_the_header_is_read_of_a_large_file() -> None:
    read: list[tuple[int, int]] = []

    def recorded(offset: int, size: int) -> bytes:
        read.append((offset, size))
        return TINY_FILE[offset : offset + size]

    parse_header(recorded, len(TINY_FILE))
    assert read == [(0, len(TINY_FILE))]


@given(end=st.integers(0, len(TINY_HEADER) - 1))
def test_a_header_cut_anywhere_is_refused(end: int) -> None:
    refused(TINY_FILE[:end])
    refused(TINY_FILE[:end], len(TINY_FILE))


@given(missing=st.integers(1, 4000))
def test_a_file_whose_data_is_cut_short_is_refused(missing: int) -> None:
    assert "behind the file's end" in refused(TINY_FILE[:-missing])


@given(st.binary(max_size=2000), st.integers(0, 2**64))
def test_random_bytes_are_a_header_or_refused(content: bytes, size: int) -> None:
    for start in (b"", b"GGUF\3\0\0\0", Gguf(counts=(1, 1)).header()):
        with suppress(GgufInvalid):
            assert parse(start + content, size).file_bytes == size


@given(st.lists(st.tuples(st.integers(0, len(TINY_HEADER) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_header_is_a_header_or_refused(damage: list[tuple[int, int]]) -> None:
    content = bytearray(TINY_FILE)
    for place, byte in damage:
        content[place] = byte
    try:
        header = parse(bytes(content))
    except GgufInvalid:
        return
    ends = [header.data_offset + one.offset + one.bytes for one in header.tensors]
    assert all(end <= len(content) for end in ends)


values = st.one_of(
    st.integers(0, 2**32 - 1),
    st.booleans(),
    st.text(max_size=30),
    st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5),
)


@given(st.dictionaries(st.text(min_size=1, max_size=20).filter(lambda name: name != "general.alignment"), values))
def test_what_was_written_is_read(metadata: dict[str, int | bool | str | list[int]]) -> None:
    expected = {name: tuple(one) if isinstance(one, list) else one for name, one in metadata.items()}
    assert parse(Gguf(metadata).header()).metadata == expected


def part(number: int, count: int, promised: int = 2) -> Header:
    own = {"split.no": Typed(2, number), "split.count": Typed(2, count), "split.tensors.count": Typed(5, promised)}
    return parse(Gguf(own, [(f"blk.{number}.x", (32,), "F32")]).file())


def test_parts_of_a_split_model_become_one_header() -> None:
    parts = [part(0, 2), part(1, 2)]
    whole = joined(parts)
    assert [(one.name, one.part) for one in whole.tensors] == [("blk.0.x", 0), ("blk.1.x", 1)]
    assert whole.file_bytes == parts[0].file_bytes + parts[1].file_bytes
    assert joined([parse(TINY_FILE)]) == parse(TINY_FILE)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([part(0, 2)], "2 parts, named as one of 1"),
        ([part(0, 2), part(0, 2)], "part 2 says that it is another one"),
        ([part(1, 2), part(0, 2)], "part 1 says that it is another one"),
        ([part(0, 2, promised=3), part(1, 2)], "promises 3"),
        ([parse(TINY_FILE)] * 2, "named as one of 2"),
    ],
)
def test_parts_that_are_not_one_model_are_refused(parts: list[Header], words: str) -> None:
    with pytest.raises(GgufInvalid, match=words):
        joined(parts)


def test_a_split_model_is_known_by_its_name() -> None:
    assert part_names("m-00001-of-00002.gguf") == ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf")
    for name in ("model.gguf", "m-1-of-2.gguf", "m-00001-of-00002.bin"):
        assert part_names(name) == (name,)
    for count in (0, MAX_PARTS + 1):
        with pytest.raises(GgufInvalid, match="parts"):
            part_names(f"m-00001-of-{count:05d}.gguf")


@given(st.integers(1, 99), st.from_regex(r"[a-z][a-z0-9.-]{0,9}", fullmatch=True))
def test_each_file_of_a_split_model_names_all_of_them(count: int, stem: str) -> None:
    names = part_names(f"{stem}-00001-of-{count:05d}.gguf")
    assert len(names) == count
    assert {part_names(name) for name in names} == {names}
