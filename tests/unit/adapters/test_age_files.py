from __future__ import annotations

import stat
from pathlib import Path

import pyrage
import pytest

from aisuite.adapters.age_files import AgeFiles
from aisuite.errors import BackupFailed, UsageError


def test_what_was_sealed_is_opened_by_its_recipient_alone(tmp_path: Path) -> None:
    owner, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text("sk-secret")
    AgeFiles(str(owner.to_public())).seal(tmp_path / "key", tmp_path / "key.age")

    sealed = (tmp_path / "key.age").read_bytes()
    assert sealed.startswith(b"age-encryption.org/v1\n")
    assert b"sk-secret" not in sealed
    assert stat.S_IMODE((tmp_path / "key.age").stat().st_mode) == 0o600
    assert pyrage.decrypt(sealed, [owner]) == b"sk-secret"
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed, [other])


@pytest.mark.parametrize("recipient", ["", "nobody", "age1short", "ssh-ed25519 AAAA", "AGE-SECRET-KEY-1"])
def test_what_is_no_public_key_is_refused(recipient: str) -> None:
    with pytest.raises(UsageError, match="no public key of age"):
        AgeFiles(recipient)


def test_an_ssh_key_may_be_the_recipient() -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIYMfDuOPjCEdMw3CS/c5HRvxXlfCOWu81dGkjst/HfH test"
    assert AgeFiles(key)


def test_a_key_that_is_not_there_fails(tmp_path: Path) -> None:
    owner = pyrage.x25519.Identity.generate()
    with pytest.raises(BackupFailed, match="cannot encrypt"):
        AgeFiles(str(owner.to_public())).seal(tmp_path / "key", tmp_path / "key.age")
    assert not (tmp_path / "key.age").exists()
