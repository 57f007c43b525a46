"""Model files: there, whole, and what they are said to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.preflight.model import Check, Judgement, Outcome, counted, note, well
from aisuite.preflight.snapshot import Section

if TYPE_CHECKING:
    from aisuite.preflight.snapshot import Model, Snapshot

_GIB = 2**30


def _files_are_here(snapshot: Snapshot) -> Judgement | None:
    own = [one for one in snapshot.models if not one.made_here]
    if not own:
        return note("tiny models, made here at the first start") if snapshot.models else None
    absent = [one for one in own if one.bytes is None or one.missing]
    if not absent:
        return well(f"{counted(len(own), 'file')}, {sum(one.bytes or 0 for one in own) / _GIB:.1f} GiB")
    pulled = all(one.repo for one in absent)
    return Judgement(
        f"{len(absent)} of {counted(len(own), 'file')} {'is' if len(absent) == 1 else 'are'} not here",
        fix=snapshot.command("models pull") if pulled else f"ls -l {absent[0].path.parent}",
        details=tuple(
            f"{one.path}: {'missing' if one.bytes is None else 'parts missing: ' + ', '.join(one.missing)}"
            for one in absent
        ),
    )


def _headers_are_sound(snapshot: Snapshot) -> Judgement | None:
    readable = [one for one in snapshot.models if one.path.suffix == ".gguf" and not one.made_here]
    here = [one for one in readable if one.bytes is not None and not one.missing]
    if not here:
        return None
    broken = [one for one in here if one.header]
    if not broken:
        return well(f"{counted(len(here), 'header')} read, sizes agree")
    if all("cannot be planned" in one.header for one in broken):
        return _explained(broken, here, Outcome.WARN, snapshot.command("plan"))
    return _explained(broken, here, None, _another(broken[0], snapshot))


def _explained(broken: list[Model], here: list[Model], outcome: Outcome | None, fix: str) -> Judgement:
    return Judgement(
        f"{len(broken)} of {counted(len(here), 'file')}", outcome, fix, tuple(one.header for one in broken)
    )


def _another(model: Model, snapshot: Snapshot) -> str:
    """Return how to get the file again: from where the profile says, or as it was put there."""
    return snapshot.command("models pull --force") if model.repo else f"ls -l {model.path}   # copy it again"


def _digests_agree(snapshot: Snapshot) -> Judgement | None:
    compared = snapshot.digests
    if not compared:
        return note("no sha256 in the profile") if any(one.bytes for one in snapshot.models) else None
    wrong = [one for one in compared if one.found != one.wanted]
    if not wrong:
        return well(f"{counted(len(compared), 'digest')} as wanted")
    return Judgement(
        f"{len(wrong)} of {counted(len(compared), 'file')} not as the profile names it",
        fix=_another(next(one for one in snapshot.models if one.path == wrong[0].path), snapshot),
        details=tuple(f"{one.path}: {one.found}, not {one.wanted}" for one in wrong),
    )


def _can_be_pulled(snapshot: Snapshot) -> Judgement | None:
    asked = [one for one in snapshot.models if one.afar is not None]
    if not asked:
        return None
    refused = [one for one in asked if one.afar]
    if not refused:
        return well(f"{counted(len(asked), 'file')} can be fetched")
    return Judgement(
        f"{len(refused)} of {len(asked)} missing files cannot be fetched",
        fix=snapshot.command("models pull") + "   # once the reason is gone",
        details=tuple(f"{one.path.name}: {one.afar}" for one in refused),
    )


_READS = frozenset({Section.MODELS})
CHECKS = (
    Check(
        "MODEL-001",
        "Model files are here",
        Outcome.FAIL,
        "every file that the profile names, with all its parts",
        "A model server without its file ends at once. Files are never fetched by `up`.",
        _READS,
        _files_are_here,
    ),
    Check(
        "MODEL-002",
        "Model files are whole",
        Outcome.FAIL,
        "a GGUF header that can be true, and as many bytes as it speaks of",
        "A file that was cut short while it was copied fails minutes later, or answers nonsense. A sound model of a "
        "kind that the planner does not know is a warning only.",
        _READS,
        _headers_are_sound,
    ),
    Check(
        "MODEL-003",
        "Model files are the ones of the profile",
        Outcome.FAIL,
        "the sha256 of models.<model>.source",
        "Only the digest tells a file from another one of the same name and size. Whole files are read for it: "
        "`--skip MODEL-003` is quicker.",
        frozenset({Section.MODELS, Section.DIGESTS}),
        _digests_agree,
    ),
    Check(
        "MODEL-004",
        "Missing model files can be fetched",
        Outcome.WARN,
        "the hub gives the file (asked with --online only)",
        "Better to know before an evening's download that the repository is gone, or gated.",
        _READS,
        _can_be_pulled,
    ),
)
