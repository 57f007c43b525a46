"""What was sealed for somebody is opened by the `age` tool itself; in the long runs, since not every machine has it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from aisuite.adapters.age_files import AgeFiles

pytestmark = pytest.mark.soak

SECRET = "sk-한글 and a line\n"


def opened(sealed: Path, identity: Path) -> subprocess.CompletedProcess[str]:
    command = ["age", "--decrypt", "--identity", str(identity), str(sealed)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", ["age", "ssh"])
def test_the_age_tool_opens_what_was_sealed_and_only_with_its_key(tmp_path: Path, kind: str) -> None:
    (tmp_path / "key").write_text(SECRET)
    recipient, identity, other = make_identities(tmp_path, kind)

    AgeFiles(recipient).seal(tmp_path / "key", tmp_path / "key.age")

    assert opened(tmp_path / "key.age", identity).stdout == SECRET
    refused = opened(tmp_path / "key.age", other)
    assert refused.returncode != 0
    assert refused.stdout == ""


def make_identities(folder: Path, kind: str) -> tuple[str, Path, Path]:
    """Return a recipient, its key, and another's key."""
    own, other = folder / "own", folder / "other"
    for path in (own, other):
        making = {
            "age": ["age-keygen", "--output", str(path)],
            "ssh": ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)],
        }[kind]
        subprocess.run(making, check=True, capture_output=True)
    if kind == "ssh":
        return own.with_name("own.pub").read_text().strip(), own, other
    shown = subprocess.run(["age-keygen", "-y", str(own)], check=True, capture_output=True, text=True)
    return shown.stdout.strip(), own, other
