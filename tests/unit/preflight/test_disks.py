"""Checks of disks."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisuite.preflight.disks import WANTED, judge_room
from aisuite.preflight.model import Outcome
from aisuite.preflight.snapshot import Disk
from tests.fakes.stacks import make_service
from tests.unit.preflight.snapshots import judged, snapshot

DATA = Path("/data")
QDRANT = make_service("qdrant", 6333)


def test_less_than_twenty_gib_fails_and_only_warns_for_tiny_models() -> None:
    assert judge_room(WANTED, "/data", tiny=False).outcome is Outcome.PASS
    assert judge_room(WANTED - 1, "/data", tiny=False).outcome is None
    assert judge_room(WANTED - 1, "/data", tiny=True).outcome is Outcome.WARN
    assert judge_room(255 * 2**20, "/data", tiny=True).outcome is None


def test_the_tightest_of_the_disks_is_judged() -> None:
    disks = (Disk("data", DATA, WANTED), Disk("project", Path("/project"), WANTED - 2**30))
    found = judged("DISK-001", snapshot(disks=disks))
    assert (found.outcome, found.judgement.measured) == (Outcome.FAIL, "19.0 GiB are free for /project")


def test_a_folder_that_cannot_be_written_fails_with_the_reason() -> None:
    found = judged("DISK-002", snapshot(disks=(Disk("data", DATA, WANTED, fault="/data: Read-only file system"),)))
    assert (found.outcome, found.judgement.details) == (Outcome.FAIL, ("/data: Read-only file system",))


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("ext4", Outcome.PASS),
        ("xfs", Outcome.PASS),
        ("9p", Outcome.FAIL),
        ("drvfs", Outcome.FAIL),
        ("fuse.sshfs", Outcome.FAIL),
        ("nfs4", Outcome.FAIL),
        ("tmpfs", Outcome.WARN),
        ("", Outcome.NOTE),
    ],
)
def test_vectors_belong_on_a_local_file_system(kind: str, outcome: Outcome) -> None:
    disks = (Disk("data", DATA, WANTED, kind),)
    assert judged("DISK-003", snapshot(QDRANT, disks=disks)).outcome is outcome


def test_vectors_in_a_named_volume_are_on_the_engines_own_disk() -> None:
    disks = (Disk("data", DATA, WANTED, "9p"),)
    assert judged("DISK-003", snapshot(QDRANT, engine="docker", disks=disks)).outcome is Outcome.PASS


def test_a_stack_without_a_vector_store_needs_no_file_system_for_it() -> None:
    assert judged("DISK-003", snapshot(disks=(Disk("data", DATA, WANTED, "9p"),))).outcome is Outcome.SKIP
