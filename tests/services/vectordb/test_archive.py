"""Archives come from outside: what is damaged, or reaches beyond its folder, is refused."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from aisuite.services.vectordb.archive import MAX_MANIFEST, ArchiveRefused, Manifest, pack, unpack
from aisuite.services.vectordb.schema import CollectionSchema
from aisuite.services.vectordb.wire import check_shape

CONFIG = {"vectors": {"": {"size": 2, "distance": "Dot"}}}
SCHEMA = check_shape(CollectionSchema, CONFIG)


def entry(size: int, *data: tuple[int, int]) -> dict[str, Any]:
    return {"size": size, "data": data}


def write(path: Path, files: dict[str, dict[str, Any]], content: bytes = b"") -> Path:
    """Write an archive that is whole, whatever it says."""
    told = {"format": 2, "points": 0, "config": CONFIG, "files": files}
    inside = json.dumps(told).encode() + b"\n" + content
    path.write_bytes(inside + hashlib.sha256(inside).hexdigest().encode())
    return path


def try_unpack(archive: Path, target: Path) -> Manifest:
    return unpack(archive, target, lambda: None)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b.dat", "d/e", "d/f/g", "한글"]), st.binary(max_size=300)), st.data())
def test_what_is_packed_is_unpacked(tmp_path_factory: Any, files: dict[str, bytes], data: st.DataObject) -> None:
    base = tmp_path_factory.mktemp("archive")
    source = base / "source"
    source.mkdir()
    for name, content in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content + bytes(data.draw(st.sampled_from([0, 5, 1 << 20]))))
    checksum = pack(source, SCHEMA, 7, base / "archive")
    told = try_unpack(base / "archive", base / "target")
    assert checksum == hashlib.sha256((base / "archive").read_bytes()).hexdigest()
    assert (told.points, told.config) == (7, SCHEMA)
    assert told.files.keys() == files.keys()
    for name in files:
        assert (base / "target" / name).read_bytes() == (source / name).read_bytes()


def test_holes_stay_holes(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    with (tmp_path / "source" / "sparse").open("wb") as file:
        file.truncate(64 << 20)
    pack(tmp_path / "source", SCHEMA, 0, tmp_path / "archive")
    assert (tmp_path / "archive").stat().st_size < 1 << 20
    try_unpack(tmp_path / "archive", tmp_path / "target")
    status = (tmp_path / "target" / "sparse").stat()
    assert status.st_size == 64 << 20
    assert status.st_blocks * 512 < 1 << 20


@pytest.mark.parametrize(
    "path", ["../evil", "/etc/evil", "a/../../evil", "a//b", "./a", "a/", "", "a\nb", "/".join("a" * 13)]
)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    archive = write(tmp_path / "archive", {path: entry(1, (0, 1))}, b"x")
    with pytest.raises(ArchiveRefused, match="not a path inside the archive"):
        try_unpack(archive, tmp_path / "in" / "target")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("files", "content", "complaint"),
    [
        ({"a": entry(1, (0, 1))}, b"", "not what was packed"),
        ({"a": entry(999, (0, 999))}, b"x", "ends too early"),
        ({"a": entry(1, (0, 1))}, b"xy", "not what was packed"),
        ({"a": entry(1, (0, 1)), "a/b": entry(1, (0, 1))}, b"xx", "one place"),
        ({"a/b": entry(1, (0, 1)), "a": entry(1, (0, 1))}, b"xx", "one place"),
        ({"a": entry(1 << 60)}, b"", "too large"),
        ({"a": entry(-1)}, b"", "manifest is wrong"),
        ({"a": entry(4, (0, 5))}, b"12345", "overlap, or end behind it"),
        ({"a": entry(4, (2, 1))}, b"", "overlap, or end behind it"),
        ({"a": entry(4, (0, 3), (2, 4))}, b"12345", "overlap, or end behind it"),
        ({"a": {"size": 1, "data": [[0]]}}, b"x", "manifest is wrong"),
    ],
)
def test_an_archive_that_is_not_as_announced_is_refused(
    tmp_path: Path, files: dict[str, dict[str, Any]], content: bytes, complaint: str
) -> None:
    with pytest.raises(ArchiveRefused, match=complaint):
        try_unpack(write(tmp_path / "archive", files, content), tmp_path / "target")


@pytest.mark.parametrize("begin", [b"", b"no manifest", b"{}\n", b"\xff\n", b"{" * (MAX_MANIFEST + 1) + b"\n"])
def test_what_does_not_begin_with_a_manifest_is_refused(tmp_path: Path, begin: bytes) -> None:
    (tmp_path / "archive").write_bytes(begin)
    with pytest.raises(ArchiveRefused, match="manifest"):
        try_unpack(tmp_path / "archive", tmp_path / "target")


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(cut=st.floats(0, 1, exclude_max=True), flip=st.booleans())
def test_a_damaged_archive_is_refused(tmp_path_factory: Any, cut: float, flip: bool) -> None:
    base = tmp_path_factory.mktemp("damage")
    (base / "source").mkdir()
    (base / "source" / "data").write_bytes(hashlib.sha512(b"data").digest() * 20)
    pack(base / "source", SCHEMA, 0, base / "archive")
    whole = bytearray((base / "archive").read_bytes())
    place = int(len(whole) * cut)
    if flip:
        whole[place] ^= 0x55
    (base / "archive").write_bytes(whole if flip else whole[:place])
    with pytest.raises(ArchiveRefused):
        try_unpack(base / "archive", base / "target")


def test_another_checksum_than_the_archives_own_is_refused(tmp_path: Path) -> None:
    archive = write(tmp_path / "archive", {"a": entry(1, (0, 1))}, b"x")
    own = hashlib.sha256(archive.read_bytes()).hexdigest()
    unpack(archive, tmp_path / "target", lambda: None, own.upper())
    with pytest.raises(ArchiveRefused, match="another checksum"):
        unpack(archive, tmp_path / "other", lambda: None, "0" * 64)


def test_room_is_checked_while_unpacking(tmp_path: Path) -> None:
    def full() -> None:
        raise ArchiveRefused("the disk is full")

    with pytest.raises(ArchiveRefused, match="disk is full"):
        unpack(write(tmp_path / "archive", {"a": entry(1, (0, 1))}, b"x"), tmp_path / "target", full)
