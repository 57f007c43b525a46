"""Reports of `backup verify --level drill`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aisuite.ops.verify_drill import DrillReport


def drill_json(report: DrillReport) -> dict[str, Any]:
    """The same keys as of the other levels, and what was measured."""
    manifest = report.manifest
    return {
        "id": manifest.id,
        "verified": asdict(report.verified),
        "files": len(manifest.files),
        "bytes": manifest.bytes,
        "databases": len(manifest.databases),
        "seconds": round(report.seconds, 3),
        "rows": report.rows,
        "points": report.points,
        "sampled_points": report.looked.points,
        "queries": report.looked.queries,
        "rto_seconds": round(report.rto, 3),
        "rpo_seconds": round(report.rpo, 3),
    }


def drill_text(report: DrillReport) -> str:
    """Two lines: what was compared, what was measured."""
    looked = (
        f"all {report.rows} rows and {report.looked.points} of {report.points} points compared, "
        f"{report.looked.queries} known queries answered"
    )
    return "\n".join(
        [
            f"backup {report.manifest.id} passed: drill ({looked}) in {report.seconds:.1f} s",
            f"  RTO {report.rto:.1f} s: from an empty folder to services that answer",
            f"  RPO {report.rpo:.0f} s: what is newer than this backup would be lost now",
        ]
    )
