"""Reports about container images."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aisuite.cli.view.table import table

if TYPE_CHECKING:
    from aisuite.cli.output import Output
    from aisuite.ops.image_bundle import BundleReport
    from aisuite.ops.image_lock import LockReport
    from aisuite.ops.images import ImagesReport

_SHORT = len("sha256:") + 12


def images_json(report: ImagesReport) -> dict[str, Any]:
    """Every image, and what was fetched or made now."""
    return {"images": [asdict(row) for row in report.images], "changed": list(report.changed)}


def images_text(report: ImagesReport, out: Output) -> str:
    """A table of images, then what would bring those that are missing."""
    rows = [("IMAGE", "STATE", "SIZE", "ID", "FOR")]
    rows += [
        (row.reference, row.state, _size(row.bytes), (row.id or "-")[:_SHORT], ", ".join(row.services))
        for row in report.images
    ]
    missing = {row.built for row in report.images if row.state == "missing"}
    hints = [
        hint for built, hint in ((False, "aisuite images pull"), (True, "aisuite images build")) if built in missing
    ]
    return table(rows, out) + ("\n\nwhat is missing: " + " && ".join(hints) if hints else "")


def bundle_json(report: BundleReport) -> dict[str, Any]:
    """The folder, its files, and what was loaded now."""
    return {
        "folder": report.folder,
        "images": [asdict(one) for one in report.images],
        "loaded": list(report.loaded),
    }


def bundle_text(report: BundleReport, out: Output) -> str:
    """A table of files, then what to do with them."""
    rows = [("IMAGE", "SIZE", "SHA256", "FILE")]
    rows += [(one.reference, _size(one.bytes), one.sha256[:12], one.file) for one in report.images]
    if report.loaded:
        return table(rows, out)
    return f"{table(rows, out)}\n\non the other machine: aisuite images load {report.folder}"


def lock_json(report: LockReport) -> dict[str, Any]:
    """The lock file, every image against it, and whether the file was written now."""
    return {"file": report.file, "images": [asdict(row) for row in report.images], "changed": report.changed}


def lock_text(report: LockReport, out: Output) -> str:
    """A table of images against the lock."""
    rows = [("IMAGE", "STATE", "LOCKED", "HERE")]
    rows += [
        (row.reference, row.state, (row.locked or "-")[:_SHORT], (row.found or "-")[:_SHORT]) for row in report.images
    ]
    return f"{report.file}{' (written)' if report.changed else ''}\n\n{table(rows, out)}"


def _size(count: int | None) -> str:
    return "-" if count is None else f"{count / 2**20:,.1f} MiB"
