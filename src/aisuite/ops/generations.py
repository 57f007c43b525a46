"""Generations: all that an `up` has rendered, kept in `gen/N` of the project's folder; `current` links to one of them.

    gen/3/compose.yaml ...    the files, as they lie in the project's folder while it is the current one
    gen/3/resolved.json       the stack that they are of: it is started again without its profile
    gen/3/generation.json     what it is; written last, so what lacks it is no generation

Every `up` reads this module, and mostly nothing has changed: what only a new generation needs is imported then.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from aisuite.errors import StepFailed, UsageError
from aisuite.ops.settle import CARD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.ports import Deps, Workdir
    from aisuite.stack.model import Stack

FOLDER = "gen"
CURRENT = "current"
KEPT = 10  # older ones go, unless one of them is the current one or the next to roll back to
_ABOUT = "generation.json"
_STACK = "resolved.json"
_DIGEST = "digest"
_SCHEMA = "aisuite.generation/1"


@dataclass(frozen=True, slots=True)
class Left:
    """How the databases were when the generation was left for another one."""

    schemas: Mapping[str, int]  # by path: version of the schema
    bundle: str | None = None  # the backup that was made just before


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation, without its files' texts."""

    number: int
    made: str  # UTC, ISO 8601 with Z
    aisuite: str  # version that rendered it
    engine: str
    profile: str
    phase: int
    digest: str  # of its files
    files: tuple[str, ...]
    images: Mapping[str, str]  # image -> the engine's id of what that name stood for
    good: bool = False  # once, all of it was up
    left: Left | None = None


def begin_generation(
    stack: Stack, files: Mapping[str, str], deps: Deps, *, fetched: bool, bundle: str | None
) -> int | None:
    """Keep what is about to be started, before anything of it is; return its number, None for the current one.

    What was kept before, byte by byte, is that generation again. `fetched`: names of images may stand for others now.
    Raises StateUnwritable, DiskFull, EngineUnavailable.
    """
    digest = digest_of(files)
    if not fetched and deps.workdir.read(f"{CURRENT}/{_DIGEST}") == digest:
        return None
    images, known, now = _image_ids(stack, deps), list_generations(deps.workdir), current_number(deps.workdir)
    same = [one.number for one in known if one.digest == digest and one.images == images]
    if now in same:
        return None
    if now is not None:
        note_left(now, deps, stack, bundle)
    return same[-1] if same else _keep(stack, files, deps, digest, images)


def enter_generation(number: int, workdir: Workdir, *, good: bool) -> None:
    """Make a generation the current one, by one rename, and forget what is older than need be."""
    card = workdir.read(CARD)
    if card is not None:
        workdir.write({f"{FOLDER}/{number}/{CARD}": card})  # what its models got of the card
    if good:
        _write_about(workdir, replace(read_generation(workdir, number), good=True, left=None))
    workdir.link(CURRENT, f"{FOLDER}/{number}")
    _forget_old(workdir, number)


def stay_in_generation(workdir: Workdir) -> None:
    """Forget how the current generation was left, now that all of it is up again: another one was tried in vain."""
    found = _read_about(workdir, CURRENT)
    if found is not None and found.left is not None:
        _write_about(workdir, replace(found, left=None))


def digest_of(files: Mapping[str, str]) -> str:
    """Return what tells these files from any others."""
    found = hashlib.sha256()
    for name in sorted(files):
        text = files[name].encode()
        found.update(f"{name}\0{len(text)}\0".encode() + text)
    return found.hexdigest()


def current_number(workdir: Workdir) -> int | None:
    """Return the number of the generation that was brought up last; None before the first."""
    found = _read_about(workdir, CURRENT)
    return None if found is None else found.number


def list_generations(workdir: Workdir) -> tuple[Generation, ...]:
    """Return all that are whole, oldest first."""
    numbers = sorted(int(name) for name in workdir.list_folder(FOLDER) if name.isdecimal())
    found = (_read_about(workdir, f"{FOLDER}/{number}") for number in numbers)
    return tuple(one for one in found if one is not None)


def read_generation(workdir: Workdir, number: int) -> Generation:
    """Return one of them. Raises UsageError."""
    found = _read_about(workdir, f"{FOLDER}/{number}")
    if found is None:
        raise UsageError(f"there is no generation {number} in {workdir.folder / FOLDER}", "aisuite rollback --list")
    return found


def read_files(workdir: Workdir, generation: Generation) -> dict[str, str]:
    """Return the files of a generation. Raises StepFailed when they are not what they were."""
    found = {name: workdir.read(f"{FOLDER}/{generation.number}/{name}") for name in generation.files}
    files = {name: text for name, text in found.items() if text is not None}
    if digest_of(files) != generation.digest:
        raise _damaged(workdir, generation.number, "its files were changed")
    return files


def read_stack(workdir: Workdir, generation: Generation) -> Stack:
    """Return the stack of a generation. Raises StepFailed."""
    from aisuite.stack.document import parse_stack

    try:
        return parse_stack(json.loads(workdir.read(f"{FOLDER}/{generation.number}/{_STACK}") or ""))
    except (ValueError, RecursionError) as err:
        raise _damaged(workdir, generation.number, str(err)) from err


def schemas_now(stack: Stack, deps: Deps) -> dict[str, int]:
    """Return the schema's version of every database of a stack that is there and says it."""
    if deps.schema_of is None:
        return {}
    paths = [path for service in stack.services for path in service.state.databases]
    return {path: version for path in paths if (version := deps.schema_of(path)) is not None}


def note_left(number: int, deps: Deps, stack: Stack, bundle: str | None) -> None:
    """Remember of a generation how it leaves the databases, also those that only the next one, `stack`, has.

    Where the next one was tried before, ended badly, and has changed a schema, what was noted then holds.
    """
    left = read_generation(deps.workdir, number)
    try:
        schemas = schemas_now(read_stack(deps.workdir, left), deps)
    except StepFailed:  # it cannot be brought back anyway
        schemas = {}
    schemas = {**schemas_now(stack, deps), **schemas}
    noted = left.left.schemas if left.left is not None else {}
    if not any(version > noted.get(path, version) for path, version in schemas.items()):
        _write_about(deps.workdir, replace(left, left=Left(schemas, bundle)))


def _keep(stack: Stack, files: Mapping[str, str], deps: Deps, digest: str, images: Mapping[str, str]) -> int:
    from aisuite import __version__
    from aisuite.bundle.identity import utc_text
    from aisuite.stack.document import describe_stack

    workdir = deps.workdir
    number = 1 + max((int(name) for name in workdir.list_folder(FOLDER) if name.isdecimal()), default=0)
    made = utc_text(deps.clock.now())
    about = Generation(
        number, made, __version__, stack.engine, stack.profile, stack.phase, digest, tuple(sorted(files)), images
    )
    described = json.dumps(describe_stack(stack), indent=1, ensure_ascii=False) + "\n"
    whole = {**files, _STACK: described, _DIGEST: digest}
    workdir.write({f"{FOLDER}/{number}/{name}": text for name, text in whole.items()})
    _write_about(workdir, about)
    return number


def _image_ids(stack: Stack, deps: Deps) -> dict[str, str]:
    if deps.images is None:
        return {}
    names = sorted({one.exact_image for one in stack.services if one.exact_image is not None})
    return {name: image.id for name in names if (image := deps.images.find(name)) is not None}


def _forget_old(workdir: Workdir, current: int) -> None:
    known = list_generations(workdir)
    before = [one.number for one in known if one.good and one.number < current]
    kept = {current, *before[-1:], *(one.number for one in known[-KEPT:])}
    for name in workdir.list_folder(FOLDER):
        if name.isdecimal() and int(name) not in kept:
            workdir.remove(f"{FOLDER}/{name}/{_ABOUT}")  # first: what is left of a crash is no generation
            workdir.remove(f"{FOLDER}/{name}")


def _write_about(workdir: Workdir, generation: Generation) -> None:
    text = json.dumps({"schema": _SCHEMA, **asdict(generation)}, indent=2, ensure_ascii=False) + "\n"
    workdir.write({f"{FOLDER}/{generation.number}/{_ABOUT}": text})


def _read_about(workdir: Workdir, folder: str) -> Generation | None:
    try:
        found: dict[str, Any] = json.loads(workdir.read(f"{folder}/{_ABOUT}") or "")
        if found.pop("schema") != _SCHEMA:
            return None
        left = found.pop("left")
        found["files"] = tuple(found["files"])
        return Generation(**found, left=None if left is None else Left(**left))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # half kept, of another version, or damaged


def _damaged(workdir: Workdir, number: int, why: str) -> StepFailed:
    return StepFailed(f"generation {number} cannot be brought back: {why}", f"ls -l {workdir.folder / FOLDER}/{number}")
