"""Checks of secrets and the repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.preflight.model import Outcome, Repair
from aisuite.preflight.secrets import weakness
from aisuite.preflight.snapshot import Git, SecretFile
from tests.unit.preflight.snapshots import judged, snapshot

KEY = Path("/p/secrets/gateway key")
STRONG = "sk-4f1d0c8e2b7a9635" * 2


def test_a_secret_that_others_can_read_fails_and_can_be_closed() -> None:
    found = judged("SECRET-001", snapshot(secrets=(SecretFile(KEY, open_to_others=True), SecretFile(Path("/p/.env")))))
    assert found.outcome is Outcome.FAIL
    assert found.judgement.repairs == (Repair("close", KEY),)
    assert str(found.judgement.repairs[0]) == "chmod go= '/p/secrets/gateway key'"


def test_a_weak_secret_fails_and_a_project_without_secrets_has_none_to_judge() -> None:
    assert judged("SECRET-002", snapshot(secrets=(SecretFile(KEY, weak="is empty"),))).outcome is Outcome.FAIL
    assert judged("SECRET-002", snapshot(secrets=(SecretFile(KEY),))).outcome is Outcome.PASS
    assert judged("SECRET-002", snapshot()).outcome is Outcome.SKIP


@pytest.mark.parametrize(
    ("text", "weak"),
    [
        ("", True),
        ("sk-1234\n", True),
        ("CHANGEME", True),
        ("your-api-key-goes-here", True),
        ("<put your key here>", True),
        ("${SECRET_FROM_SOMEWHERE}", True),
        ("abcd1234", True),
        ("a" * 40, True),
        (STRONG, False),
    ],
)
def test_defaults_placeholders_and_short_secrets_are_weak(text: str, *, weak: bool) -> None:
    assert bool(weakness(text)) is weak


def test_of_an_env_file_only_secrets_are_judged_and_the_first_weak_one_is_named() -> None:
    text = f"RAG_TOPK=4\nexport GOOD_KEY='{STRONG}'\nEMPTY_TOKEN=\nBAD_PASSWORD=\"admin\"\n"
    assert weakness(text, assignments=True) == "BAD_PASSWORD is a default that everybody knows"
    assert weakness("RAG_TOPK=4\nMONKEY=4\n", assignments=True) == ""


@given(st.text(alphabet="QXZJ7$%@", min_size=1), st.booleans())
def test_what_is_said_of_a_secret_holds_nothing_of_it(secret: str, named: bool) -> None:
    said = weakness(f"SOME_KEY={secret}" if named else secret, assignments=named)
    assert not set(secret) & set(said)


@given(st.text())
def test_no_env_file_breaks_the_reading_of_it(text: str) -> None:
    assert isinstance(weakness(text, assignments=True), str)


def test_secrets_in_a_repository_warn_changes_are_noted_and_no_repository_is_fine() -> None:
    assert judged("GIT-001", snapshot()).outcome is Outcome.SKIP
    assert judged("GIT-001", snapshot(git=Git("main"))).outcome is Outcome.PASS
    assert judged("GIT-001", snapshot(git=Git("main", changed=1))).judgement.measured == "branch main, 1 changed file"
    assert judged("GIT-001", snapshot(git=Git("main", tracked_secrets=(".env",)))).outcome is Outcome.WARN
