"""Archives come from outside: what is damaged, or reaches beyond its folder, is refused."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from aisuite.services.vectordb.archive import MAX_READ, ArchiveRefused, Manifest, pack, unpack
from aisuite.services.vectordb.schema import CollectionSchema
from aisuite.services.vectordb.wire import check_shape

CONFIG = {"vectors": {"": {"size": 2, "distance": "Dot"}}}
SCHEMA = check_shape(CollectionSchema, CONFIG)


def entry(content: bytes) -> dict[str, Any]:
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def manifest(files: dict[str, dict[str, Any]]) -> bytes:
    return json.dumps({"format": 1, "points": 0, "config": CONFIG, "files": files}).encode()


def member(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> Any:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, link
    return info, content


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    def write(*members: Any) -> Path:
        path = tmp_path / "made.snapshot"
        with tarfile.open(path, "w:gz") as tar:
            for info, content in members:
                tar.addfile(info, io.BytesIO(content))
        return path

    return write


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
    try_unpack(tmp_path / "archive", tmp_path / "target")
    status = (tmp_path / "target" / "sparse").stat()
    assert status.st_size == 64 << 20
    assert status.st_blocks * 512 < 1 << 20


@pytest.mark.parametrize(
    "path", ["../evil", "/etc/evil", "a/../../evil", "a//b", "./a", "a/", "", "a\nb", "/".join("a" * 13)]
)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, make: Callable[..., Path], path: str) -> None:
    archive = make(member("manifest.json", manifest({path: entry(b"x")})), member(path or "x", b"x"))
    with pytest.raises(ArchiveRefused, match="not a path inside the archive"):
        try_unpack(archive, tmp_path / "in" / "target")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_only_regular_files_are_taken(tmp_path: Path, make: Callable[..., Path], kind: bytes) -> None:
    archive = make(member("manifest.json", manifest({"a": entry(b"")})), member("a", kind=kind, link="../../outside"))
    with pytest.raises(ArchiveRefused, match="not what the manifest says"):
        try_unpack(archive, tmp_path / "target")


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ([], "does not begin with a manifest"),
        ([member("a", b"x")], "does not begin with a manifest"),
        ([member("manifest.json", b"{}")], "manifest is wrong"),
        ([member("manifest.json", b"\xff")], "manifest is wrong"),
        ([member("manifest.json", manifest({"a": entry(b"x")}))], "1 files are missing, 'a' among them"),
        ([member("manifest.json", manifest({})), member("a", b"x")], "'a' is not what the manifest says"),
        ([member("manifest.json", manifest({"a": entry(b"x")})), member("a", b"y")], "'a' has another checksum"),
        ([member("manifest.json", manifest({"a": entry(b"x")})), member("a", b"xx")], "not what the manifest says"),
        (
            [member("manifest.json", manifest({"a": entry(b"x")})), member("a", b"x"), member("a", b"x")],
            "not what the manifest says",
        ),
        (
            [
                member("manifest.json", manifest({"a": entry(b"x"), "a/b": entry(b"x")})),
                member("a", b"x"),
                member("a/b", b"x"),
            ],
            "one place",
        ),
        ([member("manifest.json", manifest({"a": {"size": 1 << 60, "sha256": "0" * 64}}))], "too large"),
    ],
)
def test_an_archive_that_is_not_as_announced_is_refused(
    tmp_path: Path, make: Callable[..., Path], members: list[Any], complaint: str
) -> None:
    with pytest.raises(ArchiveRefused, match=complaint):
        try_unpack(make(*members), tmp_path / "target")


def test_a_header_that_announces_gigabytes_is_not_read(tmp_path: Path, make: Callable[..., Path]) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 32
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(info.tobuf(format=tarfile.USTAR_FORMAT) + bytes(MAX_READ)))
    with pytest.raises(ArchiveRefused, match="announces too much"):
        try_unpack(path, tmp_path / "target")


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(cut=st.floats(0, 1, exclude_max=True), flip=st.booleans())
def test_a_damaged_archive_is_refused_unless_it_still_says_the_same(
    tmp_path_factory: Any, cut: float, flip: bool
) -> None:
    base = tmp_path_factory.mktemp("damage")
    (base / "source").mkdir()
    (base / "source" / "data").write_bytes(hashlib.sha512(b"data").digest() * 20)
    pack(base / "source", SCHEMA, 0, base / "archive")
    whole = bytearray((base / "archive").read_bytes())
    # Some bits of gzip's header, the first ten bytes, mean nothing.
    place = 10 + int((len(whole) - 10) * cut)
    if flip:
        whole[place] ^= 0x55
    (base / "archive").write_bytes(whole if flip else whole[:place])
    try:
        try_unpack(base / "archive", base / "target")
    except ArchiveRefused:
        return
    # A run of equal bytes can be written in several ways: a flip may turn one into another.
    assert (base / "target" / "data").read_bytes() == (base / "source" / "data").read_bytes()


def test_room_is_checked_while_unpacking(tmp_path: Path, make: Callable[..., Path]) -> None:
    def full() -> None:
        raise ArchiveRefused("the disk is full")

    with pytest.raises(ArchiveRefused, match="disk is full"):
        unpack(make(member("manifest.json", manifest({"a": entry(b"x")})), member("a", b"x")), tmp_path / "t", full)
