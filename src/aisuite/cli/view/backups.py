"""Reports of `backup list`, `verify`, `forget` and `schedule`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aisuite.bundle.identity import taken_at, utc_text
from aisuite.cli.view.table import table

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from aisuite.bundle.stored import Stored
    from aisuite.cli.output import Output
    from aisuite.ops.backups import ForgetReport, ShelfReport, Shelved, VerifyReport
    from aisuite.ops.repository import RepositoryReport, StoredForgetReport
    from aisuite.ops.schedule_backups import ScheduleReport

_SHORT = 8  # signs of a snapshot's name, as restic shows them
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def list_json(report: ShelfReport) -> dict[str, Any]:
    """Every bundle."""
    return {"folder": str(report.folder), "backups": [_bundle(one, report.now) for one in report.bundles]}


def list_text(report: ShelfReport, out: Output) -> str:
    """A table, the newest first, and the damage below it."""
    if not report.bundles:
        return f"there is no backup in {report.folder}: aisuite backup"
    rows = [("ID", "PROJECT", "AGE", "SIZE", "VERIFIED")]
    for one in report.bundles:
        size = "-" if one.manifest is None else _size(one.manifest.bytes)
        project = "-" if one.manifest is None else one.manifest.project
        rows.append((one.id, project, _age(report.now - one.at), size, _verified(one)))
    damage = [one.damage for one in report.bundles if one.damage]
    return "\n".join([table(rows, out), *damage])


def stored_json(report: RepositoryReport) -> dict[str, Any]:
    """Every bundle of a repository."""
    return {
        "folder": None,
        "backups": [
            {
                "id": one.bundle,
                "project": one.project,
                "created": utc_text(taken_at(one.bundle) or report.now),
                "age_seconds": round(_age_of(one, report).total_seconds()),
                "snapshot": one.snapshot,
                "host": one.host,
                "damaged": one.damaged,
            }
            for one in report.bundles
        ],
    }


def stored_text(report: RepositoryReport, out: Output) -> str:
    """A table, the newest first."""
    if not report.bundles:
        return "there is no backup in the repository: aisuite backup --engine restic"
    head = ("ID", "PROJECT", "HOST", "AGE", "SNAPSHOT")
    told = (
        (one.bundle, one.project or "-", one.host or "-", _age(_age_of(one, report)), one.snapshot[:_SHORT])
        for one in report.bundles
    )
    damage = [f"backup {one.bundle} did not pass its last check" for one in report.bundles if one.damaged]
    return "\n".join([table([head, *told], out), *damage])


def _age_of(one: Stored, report: RepositoryReport) -> timedelta:
    return report.now - (taken_at(one.bundle) or report.now)


def verify_json(report: VerifyReport) -> dict[str, Any]:
    """The bundle and the level that it passed."""
    return {
        "id": report.manifest.id,
        "verified": asdict(report.verified),
        "files": len(report.manifest.files),
        "bytes": report.manifest.bytes,
        "databases": report.databases,
        "seconds": round(report.seconds, 3),
    }


def verify_text(report: VerifyReport) -> str:
    """One line."""
    manifest = report.manifest
    looked = f"{_count(len(manifest.files), 'file')}, {_size(manifest.bytes)}"
    if report.databases:
        looked += f", {_count(report.databases, 'database')} examined"
    return f"backup {manifest.id} passed: {report.verified.level} ({looked}) in {report.seconds:.1f} s"


def forget_json(report: ForgetReport) -> dict[str, Any]:
    """What stayed and why, and what went."""
    return {
        "dry_run": report.dry_run,
        "kept": [asdict(one) for one in report.kept],
        "removed": list(report.removed),
        "bytes": report.bytes,
        "left_alone": [
            {"id": one.id, "project": one.manifest.project if one.manifest else None, "damage": one.damage or None}
            for one in report.left_alone
        ],
    }


def forget_text(report: ForgetReport) -> str:
    """A line for each."""
    verb = "would remove" if report.dry_run else "removed"
    lines = _judged(report)
    for one in report.left_alone:
        why = one.damage or f"it is of {one.manifest.project if one.manifest else 'nobody'}"
        lines.append(f"leave   {one.id}  ({why})")
    lines.append(f"{verb} {_count(len(report.removed), 'backup')}, {_size(report.bytes)}")
    return "\n".join(lines)


def forget_stored_json(report: StoredForgetReport) -> dict[str, Any]:
    """What stayed in a repository and why, and what went."""
    return {
        "dry_run": report.dry_run,
        "kept": [asdict(one) for one in report.kept],
        "removed": list(report.removed),
        "left_alone": [
            {"id": one.bundle, "project": one.project, "host": one.host, "folder": one.shelf}
            for one in report.left_alone
        ],
        "pruned": report.pruned,
    }


def forget_stored_text(report: StoredForgetReport) -> str:
    """A line for each."""
    verb = "would remove" if report.dry_run else "removed"
    lines = _judged(report)
    for one in report.left_alone:
        place = f"{one.host or 'no machine'}:{one.shelf or ''}"
        lines.append(f"leave   {one.bundle}  (of {one.project or 'no project'}, from {place})")
    space = "" if report.pruned or not report.removed else "; to give back the space: restic prune"
    return "\n".join([*lines, f"{verb} {_count(len(report.removed), 'backup')}{space}"])


def schedule_json(report: ScheduleReport) -> dict[str, Any]:
    """The timer."""
    return asdict(report)


def schedule_text(report: ScheduleReport) -> str:
    """What is written, and what is left to do."""
    last = f"set; {report.note}" if report.applied else "nothing is set yet: add --yes"
    return f"{report.text.rstrip()}\n\n{last}"


def _bundle(one: Shelved, now: datetime) -> dict[str, Any]:
    manifest = one.manifest
    return {
        "id": one.id,
        "project": manifest.project if manifest else None,
        "created": utc_text(one.at),
        "age_seconds": round((now - one.at).total_seconds()),
        "bytes": manifest.bytes if manifest else None,
        "verified": asdict(one.verified) if one.verified else None,
        "damage": one.damage or None,
    }


def _judged(report: ForgetReport | StoredForgetReport) -> list[str]:
    keep = [f"keep    {one.id}  ({', '.join(one.reasons)})" for one in report.kept]
    return keep + [f"remove  {one}" for one in report.removed]


def _verified(one: Shelved) -> str:
    if one.damage:
        return "damaged"
    return "no" if one.verified is None else str(one.verified.level)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 // 10 else f"{count / 2**10:.1f} KiB"


def _age(age: timedelta) -> str:
    seconds = max(0, round(age.total_seconds()))
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return "0 s"
