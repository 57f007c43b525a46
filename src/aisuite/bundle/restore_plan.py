"""What a restore would do, and why it must not: decided from the manifest and what is here, before anything is touched.

Where something goes is said by this project's `state.json` alone; the paths in a manifest are a stranger's words.
"""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from aisuite.bundle.model import Kind
from aisuite.bundle.restore_steps import Collection, Item
from aisuite.errors import RestoreRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aisuite.bundle.kept_state import ProjectState
    from aisuite.bundle.model import BundleFile, KeptState, Manifest

CONFIG = "config"  # beside the names of services, what `--only` may name


def choose(state: ProjectState, manifest: Manifest, only: tuple[str, ...]) -> tuple[KeptState, ...]:
    """Return the services to restore. Raises UsageError for a name that is none, RestoreRefused for one not here."""
    known = {one.service: one for one in state.services}
    for name in only:
        if name not in known and name != CONFIG:
            there = ", ".join([*known, CONFIG])
            raise UsageError(f"--only {name}: there is {there}", f"aisuite restore {manifest.id}")
    wanted = [name for name in only if name != CONFIG] if only else manifest.services
    absent = [name for name in wanted if name not in known]
    if absent:
        kept = ",".join(name for name in manifest.services if name in known) or CONFIG
        raise RestoreRefused(
            f"backup {manifest.id} holds what {', '.join(absent)} keeps; project {state.project} has no such service",
            f"aisuite restore {manifest.id} --only {kept}   # or bring up the phase that has it",
        )
    unknown = [name for name in wanted if name not in manifest.services]
    if unknown:
        raise RestoreRefused(f"backup {manifest.id} holds nothing of {', '.join(unknown)}", "aisuite backup list")
    return tuple(one for one in state.services if one.service in wanted)


def refuse_another_project(manifest: Manifest, project: str, *, meant: bool) -> None:
    """Raise RestoreRefused for a backup of another project, unless that is meant."""
    if manifest.project != project and not meant:
        raise RestoreRefused(
            f"backup {manifest.id} is of project {manifest.project}, and this is {project}",
            f"aisuite restore {manifest.id} --as {project}   # if that is meant",
        )


def refuse_another_version(manifest: Manifest, service: str, here: str) -> None:
    """Raise RestoreRefused when a store cannot read the bundle's snapshots: they fit one kind and minor version."""
    made_by = manifest.facts.get(service)
    if made_by is not None and _minor(made_by) != _minor(here):
        raise RestoreRefused(
            f"{service} is {here} now, and backup {manifest.id} was made with {made_by}: "
            "snapshots of a vector store fit the same minor version only",
            "aisuite backup list   # or bring up the version that the backup was made with",
        )


def refuse_newer_schema(manifest: Manifest, item: Item, here: int | None) -> None:
    """Raise RestoreRefused when a database of the bundle is newer than what the service here has made."""
    made = next((one.schema_version for one in manifest.databases if one.file in item.files), None)
    if made is not None and here is not None and made > here:
        raise RestoreRefused(
            f"{PurePosixPath(item.target).name} of {item.service} has schema {here} here, "
            f"and schema {made} in backup {manifest.id}",
            "pip install --upgrade aisuite, then: aisuite up",
        )


def space_needed(manifest: Manifest) -> int:
    """Return the bytes that a restore takes for a while: everything unpacked, and a safety backup as large."""
    return 2 * sum(file.unpacked_size or file.size for file in manifest.files)


def plan_items(services: tuple[KeptState, ...], manifest: Manifest, there: Callable[[str], bool]) -> tuple[Item, ...]:
    """Return the databases and folders of these services with what comes there.

    `there` says of a path whether something lies there. Raises RestoreRefused for what has no place here.
    """
    items: list[Item] = []
    for service in services:
        files = [file for file in manifest.files if file.service == service.service]
        for kind, targets in ((Kind.DATABASE, service.databases), (Kind.FOLDER, service.folders)):
            found = _by_origin([file for file in files if file.kind is kind])
            for target in targets:
                origin = max(found, key=partial(_alike, target), default="")
                came = found.pop(origin) if _alike(origin, target) else ()
                if came or there(target):
                    items.append(Item(service.service, kind, target, came, there(target)))
            if found:
                names = ", ".join(sorted(PurePosixPath(one).name for one in found))
                raise RestoreRefused(
                    f"backup {manifest.id} holds {names} of {service.service}, which keeps no {kind} of that name here",
                    "aisuite up --dry-run   # is this the profile that the backup was made with?",
                )
    return tuple(items)


def plan_collections(service: str, manifest: Manifest) -> tuple[Collection, ...]:
    """Return the collections that the bundle holds of a store."""
    return tuple(Collection(one.file, one.name, one.aliases) for one in manifest.collections if one.service == service)


def path_in_folder(file: BundleFile) -> PurePosixPath:
    """Return where a file of a folder lies in it: folders/<service>/<folder>/<this>."""
    path = PurePosixPath(*PurePosixPath(file.path).parts[3:])
    return path.with_suffix("") if file.unpacked_size is not None and path.suffix == ".zst" else path


def _by_origin(files: list[BundleFile]) -> dict[str, tuple[str, ...]]:
    """Return the files by the database or folder that they came from."""
    found: dict[str, tuple[str, ...]] = {}
    for file in files:
        origin = PurePosixPath(file.restores_to or file.path)
        if file.kind is Kind.FOLDER:
            origin = origin.parents[len(path_in_folder(file).parts) - 1]
        found[str(origin)] = (*found.get(str(origin), ()), file.path)
    return found


def _alike(one: str, other: str) -> int:
    """Return how many of the last names two paths share."""
    count = 0
    for left, right in zip(reversed(PurePosixPath(one).parts), reversed(PurePosixPath(other).parts), strict=False):
        if left != right:
            break
        count += 1
    return count


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
