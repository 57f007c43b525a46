"""Secrets and the repository around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.preflight.model import Check, Judgement, Outcome, Repair, counted, note, well
from aisuite.preflight.snapshot import Section

if TYPE_CHECKING:
    from aisuite.preflight.snapshot import Snapshot


def _secrets_are_closed(snapshot: Snapshot) -> Judgement | None:
    if not snapshot.secrets:
        return None
    opened = [one.path for one in snapshot.secrets if one.open_to_others]
    if not opened:
        return well(f"{counted(len(snapshot.secrets), 'file')}, for this user only")
    return Judgement(
        f"{len(opened)} of {len(snapshot.secrets)} files with secrets can be read by other users",
        fix=f"chmod go= {opened[0]}",
        details=tuple(map(str, opened)),
        repairs=tuple(Repair("close", path) for path in opened),
    )


def _secrets_are_strong(snapshot: Snapshot) -> Judgement | None:
    if not snapshot.secrets:
        return None
    weak = [one for one in snapshot.secrets if one.weak]
    if not weak:
        return well("none is a default, or short")
    return Judgement(
        f"{counted(len(weak), 'secret')} can be guessed",
        fix=f"rm {weak[0].path}   # a key of the project is made anew by the next `up`"
        if weak[0].path.parent.name == "secrets"
        else f"openssl rand -hex 32   # then into {weak[0].path}",
        details=tuple(f"{one.path}: {one.weak}" for one in weak),
    )


def _repository(snapshot: Snapshot) -> Judgement | None:
    git = snapshot.git
    if git is None:
        return None
    if git.tracked_secrets:
        return Judgement(
            "files with secrets are in the repository",
            fix=f"git rm --cached {git.tracked_secrets[0]} && echo .env >> .gitignore",
            details=git.tracked_secrets,
        )
    branch = f"branch {git.branch or 'unknown'}"
    if git.changed:
        return note(f"{branch}, {counted(git.changed, 'changed file')}", "git status")
    return well(f"{branch}, no changes")


_READS = frozenset({Section.SECRETS})
CHECKS = (
    Check(
        "SECRET-001",
        "Secrets are for this user only",
        Outcome.FAIL,
        "mode 0600: the project's secrets, and .env where it holds any",
        "Whoever reads a key can use every model, and read every document. --fix takes the rights of others away.",
        _READS,
        _secrets_are_closed,
    ),
    Check(
        "SECRET-002",
        "Secrets cannot be guessed",
        Outcome.FAIL,
        "16 characters or more, no default",
        "Keys from examples are tried first. aisuite makes its own keys of 256 random bits.",
        _READS,
        _secrets_are_strong,
    ),
    Check(
        "GIT-001",
        "The repository holds no secrets",
        Outcome.WARN,
        ".env and .aisuite are not tracked",
        "What was committed once stays in the history. Changed files are noted: they are no part of what was reviewed.",
        frozenset({Section.GIT}),
        _repository,
    ),
)
