"""A suite whose own backups are gone comes back from a restic repository; restic itself, so in the long runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from aisuite.ports.failpoint import KILLED
from tests.e2e.small_suite import SmallSuite

pytestmark = [pytest.mark.e2e, pytest.mark.soak]


def test_what_only_the_repository_holds_is_listed_verified_and_restored(tmp_path: Path) -> None:
    suite = SmallSuite(tmp_path)
    suite.up()
    try:
        file = suite.folder / "secrets" / "restic.env"  # as a timer finds it
        file.write_text(f"RESTIC_REPOSITORY={tmp_path / 'repository'}\nRESTIC_PASSWORD=of-a-test\n")
        file.chmod(0o600)
        told = dict(line.split("=", 1) for line in file.read_text().splitlines())
        subprocess.run(["restic", "init", "--quiet"], env=os.environ | told, check=True)
        suite.fill_all()
        before = suite.digest()
        bundle = suite.run("backup", "--engine", "restic", "--json").json["id"]
        shutil.rmtree(suite.folder / "backups")
        suite.change("lost")

        listed = suite.run("backup", "list", "--engine", "restic", "--json").json["backups"]
        assert [(one["id"], one["project"]) for one in listed] == [(bundle, "small")]
        assert suite.run("backup", "verify", "--engine", "restic", "--json").json["verified"]["level"] == "full"
        restored = suite.run("restore", bundle, "--engine", "restic", "--yes", "--json")
        assert restored.code == 0, restored.out
        assert suite.digest() == before
        kept = [one["id"] for one in suite.run("backup", "list", "--json").json["backups"]]
        assert kept == [restored.json["safety_backup"]]
        assert list((suite.folder / "fetched").iterdir()) == []

        suite.change("after it")
        old = suite.digest()
        for end, expected in (("--undo", old), ("--resume", before)):
            killed = suite.run("restore", bundle, "--engine", "restic", "--yes", AISUITE_FAILPOINT="restore.place")
            assert killed.code == KILLED, killed.err
            assert [one.name for one in (suite.folder / "fetched").iterdir()] == [bundle]
            assert suite.run("restore", end).code == 0
            assert suite.digest() == expected
            assert list((suite.folder / "fetched").iterdir()) == []

        forget = ("backup", "forget", "--engine", "restic", "--keep-last", "1", "--prune", "--json")
        newest = suite.run("backup", "--engine", "restic", "--json").json["id"]
        assert suite.run(*forget).json["removed"] == [bundle]
        listed = suite.run("backup", "list", "--engine", "restic", "--json").json["backups"]
        assert [one["id"] for one in listed] == [newest]
    finally:
        suite.down()
