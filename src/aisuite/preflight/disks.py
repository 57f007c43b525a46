"""Disks: enough room, and file systems that keep what a database writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.preflight.model import Check, Judgement, Outcome, note, well
from aisuite.preflight.snapshot import Section
from aisuite.stack.model import Role

if TYPE_CHECKING:
    from aisuite.preflight.snapshot import Disk, Snapshot

GIB = 2**30
WANTED = 20 * GIB
LEAST = 256 * 2**20  # what `up` insists on
# Locks, renames or memory maps do not work there as a database needs them; 9p and drvfs are Windows' drives in WSL.
_UNSAFE = frozenset(
    {"9p", "drvfs", "cifs", "smb3", "smbfs", "nfs", "nfs4", "vboxsf", "vmhgfs", "ntfs", "ntfs3", "exfat"}
)
_VANISHING = frozenset({"tmpfs", "ramfs"})


def judge_room(free: int, place: str, *, tiny: bool) -> Judgement:
    """Judge the free bytes of a disk; `tiny` models need no room of their own."""
    if free >= WANTED:
        return well(f"{free / GIB:.0f} GiB are free for {place}")
    outcome = Outcome.WARN if tiny and free >= LEAST else None
    return Judgement(f"{free / GIB:.1f} GiB are free for {place}", outcome, fix=f"df -h {place}")


def _data_has_room(snapshot: Snapshot) -> Judgement | None:
    tightest = min(snapshot.disks, key=lambda one: one.free, default=None)
    return None if tightest is None else judge_room(tightest.free, str(tightest.path), tiny=snapshot.stack.demo)


def _folders_can_be_written(snapshot: Snapshot) -> Judgement | None:
    if not snapshot.disks:
        return None
    faults = tuple(one.fault for one in snapshot.disks if one.fault)
    if not faults:
        return well(", ".join(str(one.path) for one in snapshot.disks))
    return Judgement("not every folder can be written", fix=f"ls -ld {snapshot.disks[0].path.parent}", details=faults)


def _vectors_lie_safe(snapshot: Snapshot) -> Judgement | None:
    if not any(one.role is Role.VECTORDB for one in snapshot.stack.services):
        return None
    if snapshot.in_containers:
        return well("a named volume of the container engine")
    data = next((one for one in snapshot.disks if one.purpose == "data"), None)
    if data is None or not data.kind:
        return note("nobody says what file system it is")
    return _judge_kind(data)


def _judge_kind(data: Disk) -> Judgement:
    if data.kind in _UNSAFE or data.kind.startswith("fuse"):
        return Judgement(
            f"{data.path} is on {data.kind}",
            fix="mkdir -p ~/aisuite-data   # then paths: {data: ~/aisuite-data} in the profile",
        )
    if data.kind in _VANISHING:
        return Judgement(
            f"{data.path} is on {data.kind}: gone with the next reboot", Outcome.WARN, f"df -h {data.path}"
        )
    return well(f"{data.path} is on {data.kind}")


_READS = frozenset({Section.DISKS})
CHECKS = (
    Check(
        "DISK-001",
        "Room for data",
        Outcome.FAIL,
        "20 GiB free where the project and its data lie",
        "Vectors, logs and snapshots grow; a full disk damages more than the service that fills it. With the tiny demo "
        "models it is a warning, down to the 256 MiB that `up` insists on.",
        _READS,
        _data_has_room,
    ),
    Check(
        "DISK-002",
        "Folders can be written",
        Outcome.FAIL,
        "the project's folder and the data folder, by this user",
        "Rights, quotas and read-only mounts are found by writing a file that has no name.",
        _READS,
        _folders_can_be_written,
    ),
    Check(
        "DISK-003",
        "Vectors lie on a safe file system",
        Outcome.FAIL,
        "a local file system such as ext4, xfs or btrfs",
        "Windows' drives in WSL (9p, drvfs), network drives and most of FUSE lack the locks and memory maps that a "
        "vector store relies on: collections were lost there. What lies in memory only is a warning.",
        _READS,
        _vectors_lie_safe,
    ),
)
