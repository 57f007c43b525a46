"""Reports of `backup`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aisuite.bundle.model import Kind
from aisuite.cli.view.backups import forget_json, forget_stored_json

if TYPE_CHECKING:
    from aisuite.ops.backup import BackupReport


def backup_json(report: BackupReport) -> dict[str, Any]:
    """The bundle, and what is in it."""
    manifest = report.manifest
    return {
        "id": manifest.id,
        "folder": str(report.folder),
        "bytes": manifest.bytes,
        "files": len(manifest.files),
        "databases": [
            {"file": one.file, "rows": sum(one.rows.values()), "schema_version": one.schema_version}
            for one in manifest.databases
        ],
        "collections": [
            {"name": one.name, "aliases": list(one.aliases), "points": one.points} for one in manifest.collections
        ],
        "secrets_left_out": list(manifest.secrets_left_out),
        "verified": report.level.value,
        "seconds": round(report.seconds, 3),
        "held_seconds": None if report.held is None else round(report.held, 3),
        "restic_snapshot": report.snapshot,
        "retention": None if report.forgot is None else forget_json(report.forgot),
        "restic_retention": None if report.forgot_stored is None else forget_stored_json(report.forgot_stored),
    }


def backup_text(report: BackupReport) -> str:
    """A few lines: where it is, what is in it, what is not."""
    manifest = report.manifest
    rows = sum(sum(one.rows.values()) for one in manifest.databases)
    points = sum(one.points for one in manifest.collections)
    content = [
        f"{_count(len(manifest.databases), 'database')} ({_count(rows, 'row')})",
        f"{_count(len(manifest.collections), 'collection')} ({_count(points, 'point')})",
        _count(len(manifest.files), "file"),
    ]
    size = f"{manifest.bytes / 2**20:.1f} MiB in {report.seconds:.1f} s"
    lines = [f"backup {manifest.id}: {', '.join(content)}; {size}, verified", f"  {report.folder}"]
    if report.held is not None:
        lines.append(f"  writers waited for {report.held:.2f} s")
    if report.snapshot is not None:
        lines.append(f"  restic snapshot {report.snapshot}")
    if manifest.secrets_left_out:
        lines.append(f"  not in it: the secrets {', '.join(manifest.secrets_left_out)}")
    if manifest.models and not any(file.kind is Kind.MODEL for file in manifest.files):
        names = ", ".join(sorted({model.path.rpartition("/")[2] for model in manifest.models}))
        lines.append(f"  not in it: the models {names}")
    if report.forgot is not None and report.forgot.removed:
        lines.append(f"  removed, since no rule keeps them: {', '.join(report.forgot.removed)}")
    if report.forgot_stored is not None and report.forgot_stored.removed:
        lines.append(f"  removed from the repository, too: {', '.join(report.forgot_stored.removed)}")
    return "\n".join(lines)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
