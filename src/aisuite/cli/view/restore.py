"""Reports of `restore`."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from aisuite.bundle.restore_steps import Step

if TYPE_CHECKING:
    from aisuite.bundle.restore_steps import Item, Restore
    from aisuite.ops.restore import RestoreReport

_DOING = {
    Step.SAFETY: "backing up what is there now",
    Step.STOP: "stopping what writes",
    Step.COLLECTIONS: "bringing collections beside the old ones",
    Step.STAGE: "unpacking databases and folders beside the old ones",
    Step.PLACE: "exchanging databases and folders",
    Step.ALIASES: "pointing the names of collections to the new ones",
    Step.CONFIG: "keeping the configuration as a generation",
    Step.START: "starting what was stopped",
    Step.RECONCILE: "making what is derived follow",
    Step.TIDY: "removing the old state",
}


def step_line(restore: Restore) -> str:
    """One step as it begins."""
    return f"{'taking back: ' if restore.back else ''}{_DOING[restore.step]}"


def restore_json(report: RestoreReport) -> dict[str, Any]:
    """What was exchanged, and where the state before it is."""
    restore = report.restore
    return {
        "backup": restore.bundle,
        "project": restore.project,
        "restore": restore.id,
        "dry_run": report.dry_run,
        "undone": restore.back,
        "safety_backup": restore.safety,
        "damaged": [{"path": item.target, "stays_as": item.remains(restore.id)} for item in _damaged(restore)],
        "replaces": [
            {"service": item.service, "kind": item.kind.value, "path": item.target, "in_backup": bool(item.files)}
            for item in restore.items
        ],
        "collections": [
            {"service": store.service, "name": one.name, "aliases": list(one.aliases)}
            for store in restore.stores
            for one in store.new
        ],
        "generation": restore.generation,
        "seconds": round(report.seconds, 3),
    }


def restore_text(report: RestoreReport) -> str:
    """A few lines: what is in force now, and how to get back."""
    restore = report.restore
    if restore.back:
        return f"taken back in {report.seconds:.1f} s: everything is as it was before the restore"
    if report.dry_run:
        head = [f"backup {restore.bundle} is whole and fits here; a restore would replace:"]
        return "\n".join([*head, *_content(restore), f"  afterwards: aisuite restore {restore.bundle} --yes"])
    head = [f"restored {restore.bundle} (of {report.manifest.created}) in {report.seconds:.1f} s"]
    before = f"  the state before it: aisuite restore {restore.safety} --yes"
    note = _secrets_note(report)
    return "\n".join([*head, *_content(restore), *_configuration(restore), before, *_left(restore), *note])


def _damaged(restore: Restore) -> list[Item]:
    return [item for item in restore.items if restore.is_damaged(item)]


def _left(restore: Restore) -> list[str]:
    names = [(PurePosixPath(item.target).name, item.remains(restore.id)) for item in _damaged(restore)]
    return [f"  {name} was damaged and is not in it: it stays as {place}" for name, place in names]


def _content(restore: Restore) -> list[str]:
    lines = []
    for item in restore.items:
        gone = "" if item.files else "   (was not there: goes)"
        lines.append(f"  {item.service}: {item.kind} {PurePosixPath(item.target).name}{gone}")
    for store in restore.stores:
        lines += [f"  {store.service}: collection {', '.join(one.aliases) or one.name}" for one in store.new]
    return lines or ["  nothing that services keep"]


def _configuration(restore: Restore) -> list[str]:
    if not restore.config:
        return []
    if restore.generation is None:
        return [f"  configuration: of another folder; to compare: restored/{restore.bundle}"]
    return [f"  configuration: generation {restore.generation}; to run on it: aisuite rollback {restore.generation}"]


def _secrets_note(report: RestoreReport) -> list[str]:
    names = [one.path for one in report.manifest.files if one.path.startswith("secrets/")]
    return [f"  keys are not replaced; they are in the backup, encrypted: {', '.join(names)}"] if names else []
