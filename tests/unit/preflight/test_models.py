"""Checks of model files."""

from __future__ import annotations

from pathlib import Path

from aisuite.preflight.model import Outcome
from aisuite.preflight.snapshot import Digest, Model
from tests.unit.preflight.snapshots import judged, snapshot

FILE = Path("/models/m.gguf")
WHOLE = Model("chat", FILE, repo="owner/repo", bytes=2**30)


def test_a_missing_file_fails_with_the_command_that_fetches_it_for_this_profile() -> None:
    found = judged("MODEL-001", snapshot(flags="--phase 2", models=(Model("chat", FILE, repo="owner/repo"),)))
    assert found.outcome is Outcome.FAIL
    assert found.judgement.details == ("/models/m.gguf: missing",)
    assert found.judgement.fix == "aisuite models pull --phase 2"


def test_a_missing_file_that_nobody_can_fetch_is_not_to_be_pulled() -> None:
    assert judged("MODEL-001", snapshot(models=(Model("chat", FILE),))).judgement.fix == "ls -l /models"


def test_every_missing_part_of_a_split_model_is_named() -> None:
    cut = Model("chat", FILE, repo="owner/repo", bytes=5, missing=("m-00002-of-00002.gguf",))
    found = judged("MODEL-001", snapshot(models=(cut,)))
    assert found.judgement.details == ("/models/m.gguf: parts missing: m-00002-of-00002.gguf",)
    assert judged("MODEL-002", snapshot(models=(cut,))).outcome is Outcome.SKIP


def test_tiny_models_are_a_note_for_they_are_made_at_the_first_start() -> None:
    assert judged("MODEL-001", snapshot(models=(Model("chat", FILE, made_here=True),))).outcome is Outcome.NOTE


def test_a_model_in_another_format_has_no_header_to_be_read() -> None:
    onnx = Model("e5/model.onnx", Path("/models/e5/model.onnx"), "owner/repo", bytes=5)
    assert judged("MODEL-001", snapshot(models=(onnx,))).outcome is Outcome.PASS
    assert judged("MODEL-002", snapshot(models=(onnx,))).outcome is Outcome.SKIP


def test_a_broken_header_fails_and_a_kind_that_cannot_be_planned_only_warns() -> None:
    for header, outcome in (("m.gguf: cut short", Outcome.FAIL), ("m.gguf cannot be planned: t5", Outcome.WARN),
                            ("", Outcome.PASS)):  # fmt: skip
        model = Model("chat", FILE, bytes=5, header=header)
        assert judged("MODEL-002", snapshot(models=(model,))).outcome is outcome


def test_a_broken_file_is_fetched_or_copied_again_as_it_came() -> None:
    for repo, fix in (("owner/repo", "aisuite models pull --force"), (None, "ls -l /models/m.gguf   # copy it again")):
        model = Model("chat", FILE, repo, bytes=5, header="m.gguf: cut short")
        assert judged("MODEL-002", snapshot(models=(model,))).judgement.fix == fix


def test_a_file_with_another_digest_fails_and_a_profile_without_any_is_a_note() -> None:
    wrong, right = Digest(FILE, "bb", "aa"), Digest(FILE, "aa", "aa")
    assert judged("MODEL-003", snapshot(models=(WHOLE,), digests=(wrong, right))).judgement.details == (
        "/models/m.gguf: bb, not aa",
    )
    assert judged("MODEL-003", snapshot(digests=(right,))).outcome is Outcome.PASS
    assert judged("MODEL-003", snapshot(models=(WHOLE,))).outcome is Outcome.NOTE


def test_the_hub_is_spoken_of_only_when_it_was_asked() -> None:
    assert judged("MODEL-004", snapshot(models=(WHOLE,))).outcome is Outcome.SKIP
    for afar, outcome in (("", Outcome.PASS), ("404", Outcome.WARN)):
        model = Model("chat", FILE, repo="owner/repo", afar=afar)
        assert judged("MODEL-004", snapshot(models=(model,))).outcome is outcome
