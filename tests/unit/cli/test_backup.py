"""`backup` on the command line: what is in it, and who can read it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyrage
import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.bundle.kept_state import FILE, describe_state
from aisuite.cli.app import run
from aisuite.stack.model import SecretUse
from tests.fakes.stacks import make_service, make_stack

KEY = "sk-of-this-project"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BundleShelf:
    """The shelf of a project that has a key, and keeps nothing else."""
    monkeypatch.chdir(tmp_path)
    for name in ("AISUITE_PROJECT", "COMPOSE_PROJECT_NAME", "AISUITE_STATE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / ".aisuite" / "aisuite"
    (folder / "secrets").mkdir(parents=True, mode=0o700)
    (folder / "secrets" / "gateway_key").write_text(KEY)
    gateway = replace(make_service("gateway", 8000), secrets=(SecretUse("gateway_key", "KEY", as_file=True),))
    (folder / FILE).write_text(describe_state(make_stack(gateway)))
    return BundleShelf(folder / "backups")


def texts(shelf: BundleShelf) -> list[bytes]:
    return [path.read_bytes() for path in shelf.path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--with-secrets"], "--with-secrets needs --encrypt"),
        (["--encrypt", "age:age1"], "left out without --with-secrets"),
        (["--with-secrets", "--encrypt", "gpg:me"], "there is only age:RECIPIENT"),
        (["--with-secrets", "--encrypt", "age:nobody"], "no public key of age"),
        (["--engine", "tar"], "there is dir and restic"),
        (["--name", "Not/A name"], "cannot be one"),
    ],
)
def test_what_cannot_be_meant_is_exit_code_2_and_no_backup(
    shelf: BundleShelf, capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    assert run(["backup", *words]) == 2
    told = capsys.readouterr().err
    assert why in told
    assert "hint:" in told
    assert shelf.list() == ()


def test_keys_are_in_a_backup_only_for_who_can_open_them(
    shelf: BundleShelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["backup", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["secrets_left_out"] == ["gateway_key"]
    owner = pyrage.x25519.Identity.generate()
    assert run(["backup", "--with-secrets", "--encrypt", f"age:{owner.to_public()}", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    assert told["secrets_left_out"] == []
    sealed = shelf.path / told["id"] / "secrets" / "gateway_key.age"
    assert pyrage.decrypt(sealed.read_bytes(), [owner]) == KEY.encode()
    assert not any(KEY.encode() in text for text in texts(shelf))
