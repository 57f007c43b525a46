"""What can become of a bundle: accidents of disks and copies, and what somebody may do to it on purpose.

`damage_bundle(shelf, bundle, seed)` does one thing of `WAYS`, the seed decides which and where. Forgeries seal the
manifest again, as anybody can: only what it says may give them away.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import zstandard

from aisuite.ports.archive import Shelf

Way = Callable[[Path, Random], None]


def damage_bundle(shelf: Shelf, bundle: str, seed: int) -> str:
    """Damage a bundle in one way; return its name."""
    random = Random(seed)
    way = random.choice(WAYS)
    way(shelf.path / bundle, random)
    return way.__name__


def files_of(folder: Path) -> list[Path]:
    """Return a bundle's files but the manifest, in an order that is always the same."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.parent != folder)


def flip_a_bit(folder: Path, random: Random) -> None:
    """Anywhere in a file that is not empty."""
    path = random.choice([one for one in files_of(folder) if one.stat().st_size])
    _flip(path, random)


def flip_a_bit_of_the_manifest(folder: Path, random: Random) -> None:
    _flip(folder / "manifest.json", random)


def truncate_a_file(folder: Path, random: Random) -> None:
    path = random.choice([one for one in files_of(folder) if one.stat().st_size])
    os.truncate(path, random.randrange(path.stat().st_size))


def truncate_the_manifest(folder: Path, random: Random) -> None:
    path = folder / "manifest.json"
    os.truncate(path, random.randrange(path.stat().st_size))


def add_bytes_to_a_file(folder: Path, random: Random) -> None:
    path = random.choice([*files_of(folder), folder / "manifest.json"])
    with path.open("ab") as file:
        file.write(random.randbytes(random.randrange(1, 5000)))


def lose_a_block(folder: Path, random: Random) -> None:
    """Zeros, as a disk gives them for what was never written out."""
    path = random.choice([one for one in files_of(folder) if one.stat().st_size])
    content = bytearray(path.read_bytes())
    begin = random.randrange(len(content)) // 512 * 512
    lost = content[begin : begin + 512]
    content[begin : begin + 512] = bytes(len(lost)) if any(lost) else b"\1" * len(lost)
    path.write_bytes(content)


def swap_two_files(folder: Path, random: Random) -> None:
    one, other = random.sample(files_of(folder), 2)
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def omit_a_file(folder: Path, random: Random) -> None:
    random.choice(files_of(folder)).unlink()


def omit_a_folder(folder: Path, random: Random) -> None:
    shutil.rmtree(random.choice(sorted(one for one in folder.iterdir() if one.is_dir())))


def omit_the_manifest(folder: Path, random: Random) -> None:
    (folder / "manifest.json").unlink()


def add_a_file(folder: Path, random: Random) -> None:
    place = random.choice([folder, *(one.parent for one in files_of(folder))])
    (place / random.choice(["extra", ".hidden", "rag.db-wal", "한글", "manifest.json.bak"])).write_bytes(b"x")


def add_an_empty_folder(folder: Path, random: Random) -> None:
    (random.choice([folder, folder / "config"]) / "extra").mkdir()


def replace_a_file_by_a_link(folder: Path, random: Random) -> None:
    """To the same content elsewhere: only being a link is wrong with it."""
    path = random.choice([*files_of(folder), folder / "manifest.json"])
    outside = folder.parent / "outside"
    shutil.move(path, outside)
    path.symlink_to(outside)


def replace_a_folder_by_a_link(folder: Path, random: Random) -> None:
    path = random.choice(sorted({one.parent for one in files_of(folder)}))
    outside = folder.parent / "outside"
    shutil.move(path, outside)
    path.symlink_to(outside)


def replace_the_bundle_by_a_link(folder: Path, random: Random) -> None:
    outside = folder.parent / "outside"
    folder.rename(outside)
    folder.symlink_to(outside)


def replace_a_file_by_something_else(folder: Path, random: Random) -> None:
    """A device where we may make one, a pipe, a socket, a folder."""
    path = random.choice([*files_of(folder), folder / "manifest.json"])
    path.unlink()
    random.choice([_make_device, os.mkfifo, _make_socket, os.mkdir])(path)


def forge_a_path(folder: Path, random: Random) -> None:
    """One that leads out of the bundle, to a file that is there."""
    outside = folder.parent / "outside"
    path = random.choice(files_of(folder))
    shutil.copy(path, outside)
    name = str(path.relative_to(folder))
    forged = random.choice(
        [
            "../outside",
            f"config/../../{outside.name}",
            str(outside),
            f"./{name}",
            name.replace("/", "//", 1),
            "",
            "a\0b",
            "manifest.json",
            "verified.json",
            "x/" * 4000 + "x",
            "y" * 300,
            f"{name}/..",
        ]
    )
    _forge(folder, lambda told: _entry(told, name).update(path=forged))


def forge_a_goal(folder: Path, random: Random) -> None:
    forged = random.choice(["etc/passwd", "../x", "/data/../../etc/passwd", "", "/a\0b", "/x"])

    def change_it(told: dict[str, Any]) -> None:
        kept = [one for one in told["files"] if one["kind"] == "folder"] if forged == "/x" else told["files"]
        random.choice(kept).update(restores_to=forged)

    _forge(folder, change_it)


def forge_a_bomb(folder: Path, random: Random) -> None:
    """Some kilobytes that unpack to 64 MiB, or whose unpacking wants 2 GiB of memory."""
    path = random.choice([one for one in files_of(folder) if one.suffix == ".zst"])
    path.write_bytes(random.choice([_BOMB, _HUNGRY]))
    _forge(folder, lambda told: _entry(told, str(path.relative_to(folder))).update(_facts(path)))


def forge_an_unpacked_size(folder: Path, random: Random) -> None:
    path = random.choice([one for one in files_of(folder) if one.suffix == ".zst"])
    change = random.choice([-1, 1, 10**6, 2**62])

    def change_it(told: dict[str, Any]) -> None:
        entry = _entry(told, str(path.relative_to(folder)))
        entry["unpacked_size"] = max(entry["unpacked_size"] + change, entry["unpacked_size"] == 0)

    _forge(folder, change_it)


def forge_what_cannot_be(folder: Path, random: Random) -> None:
    """A value of another type, a missing key, a key too much, a file twice, a database that is no file of it."""
    key = random.choice(["id", "created", "files", "phase", "databases", "images", "format", "services"])
    forgery: Callable[[dict[str, Any]], object] = random.choice(
        [
            lambda told: told.pop(key),
            lambda told: told.update({key: random.choice([None, -1, 1.5, True, [[]], {"a": []}, "x"])}),
            lambda told: told.update({key + "x": 1}),
            lambda told: told.update(files=told["files"] * 2),
            lambda told: told["databases"][0].update(file="databases/other.zst"),
            lambda told: told["databases"][0].update(rows={"documents": -1}),
            lambda told: told["files"][0].update(kind="program"),
            lambda told: told["files"][0].update(sha256="0" * 63),
            lambda told: told["files"][0].update(size=2**63),
            lambda told: told.update(id="20250101T000000Z"),
        ]
    )
    _forge(folder, forgery)


def replace_the_manifest(folder: Path, random: Random) -> None:
    """By texts that are hard to read, or are no manifest."""
    path = folder / "manifest.json"
    told = json.loads(path.read_text())
    texts = [b"", b"[" * 200_000, b"null", b"\xff\xfe\x00", b'{"sha256": 1, "manifest": NaN}', b"1" * 100_000]
    texts += [json.dumps(told).encode(), b'{"sha256": "", "sha256": "", "manifest": {}}', b'{"a":' * 100_000]
    path.write_bytes(random.choice(texts))
    if random.random() < 0.1:
        os.truncate(path, 2**40)  # a terabyte of zeros that takes no space


def rename_the_bundle(folder: Path, random: Random) -> None:
    """Lay another bundle in its place."""
    told = json.loads((folder / "manifest.json").read_text())["manifest"]
    told["id"] = "20250101T000000Z"
    (folder / "manifest.json").write_text(sealed(told))


WAYS: tuple[Way, ...] = (
    flip_a_bit,
    flip_a_bit_of_the_manifest,
    truncate_a_file,
    truncate_the_manifest,
    add_bytes_to_a_file,
    lose_a_block,
    swap_two_files,
    omit_a_file,
    omit_a_folder,
    omit_the_manifest,
    add_a_file,
    add_an_empty_folder,
    replace_a_file_by_a_link,
    replace_a_folder_by_a_link,
    replace_the_bundle_by_a_link,
    replace_a_file_by_something_else,
    forge_a_path,
    forge_a_goal,
    forge_a_bomb,
    forge_an_unpacked_size,
    forge_what_cannot_be,
    replace_the_manifest,
    rename_the_bundle,
)

_BOMB = zstandard.ZstdCompressor().compress(bytes(64 << 20))
# A frame's header that asks for a window of 2 GiB, and a block that repeats one byte 128 KiB long.
_HUNGRY = b"\x28\xb5\x2f\xfd\x00" + bytes([(31 - 10) << 3]) + ((128 << 10) << 3 | 0b011).to_bytes(3, "little") + b"\0"


def _flip(path: Path, random: Random) -> None:
    content = bytearray(path.read_bytes())
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(content)


def _make_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero, which never ends
    except PermissionError:
        os.mkfifo(path)


def _make_socket(path: Path) -> None:
    place = os.open(path.parent, os.O_RDONLY)  # the name of a socket is 107 bytes long at most
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{place}/{path.name[:40]}")
    finally:
        os.close(place)


def _forge(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    told = json.loads((folder / "manifest.json").read_text())["manifest"]
    change(told)
    (folder / "manifest.json").write_text(sealed(told))


def sealed(told: object) -> str:
    """Return the text of a manifest.json that says anything, sealed as ours are."""
    digest = hashlib.sha256(json.dumps(told, indent=1).encode()).hexdigest()
    return json.dumps({"sha256": digest, "manifest": told}, indent=1) + "\n"


def _entry(told: dict[str, Any], path: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in told["files"] if one["path"] == path)
    return found


def _facts(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
