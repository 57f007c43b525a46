"""Load a profile: find its file, lay it over its parents, fold in the environment and the flags, check everything."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.errors import Problem, ProfileInvalid
from aisuite.profile.document import parse_document
from aisuite.profile.dotenv import parse_dotenv
from aisuite.profile.files import (
    find_parent,
    find_profile,
    is_path,
    is_there,
    known_profiles,
    load_text,
    shipped_profiles,
    show_path,
)
from aisuite.profile.fold import Override, Said, Unused, find_unused, fold, said_in_dotenv, said_in_environment
from aisuite.profile.keypath import did_you_mean, shown
from aisuite.profile.layer import Layer, Origin, extend
from aisuite.profile.validate import origins, validate
from aisuite.profile.warn import warn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aisuite.profile.files import ProfileFile
    from aisuite.profile.model import Profile

__all__ = ["Loaded", "Origin", "Override", "ProfileRequest", "Unused", "known_profiles", "load_profile"]

MAX_PARENTS = 8
MAX_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class ProfileRequest:
    """Which profile, and what to lay over it.

    `overrides` are flags: written key path -> value and flag. `dotenv` is relative to the working directory and need
    not exist; None: none is read.
    """

    name_or_path: str
    working_dir: Path
    overrides: Mapping[str, Override] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    dotenv: Path | None = Path(".env")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid profile and how it came about. `origin` has the keys of `flatten(profile)`."""

    profile: Profile
    name: str
    origin: Mapping[str, Origin]
    files: tuple[Path, ...]  # that were read: the profile, then its parents, then .env
    warnings: tuple[str, ...] = ()
    unused: tuple[Unused, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sources:
    """What was read from files and from the environment."""

    layer: Layer
    dotenv: tuple[Said, ...]
    environment: tuple[Said, ...]
    files: tuple[Path, ...]
    problems: tuple[Problem, ...]


def load_profile(request: ProfileRequest) -> Loaded:
    """Read and check a profile. Raises ProfileNotFound, and ProfileInvalid with all problems at once."""
    file = find_profile(request.name_or_path, request.working_dir)
    sources = _read(file, request)
    folded = fold(sources.layer, sources.dotenv, sources.environment, request.overrides)
    profile, wrong = validate(folded.layer)
    problems = (*sources.problems, *folded.problems, *wrong)
    if profile is None or problems:
        raise ProfileInvalid(_in_order(problems))
    return Loaded(
        profile=profile,
        name=file.name,
        origin=origins(profile, folded.layer),
        files=sources.files,
        warnings=(*folded.warnings, *warn(profile)),
        unused=find_unused((*sources.dotenv, *sources.environment)),
    )


def _read(file: ProfileFile, request: ProfileRequest) -> _Sources:
    files, layers, problems = _read_chain(file, request.working_dir)
    dotenv: tuple[Said, ...] = ()
    path = request.working_dir / request.dotenv if request.dotenv else None
    if path is not None and is_there(path):
        source = show_path(path, request.working_dir)
        assignments, wrong = parse_dotenv(load_text(path, source), source)
        dotenv = said_in_dotenv(assignments, source)
        problems += wrong
        files.append(path)
    layer = reduce(extend, reversed(layers))
    return _Sources(layer, dotenv, said_in_environment(request.environ), tuple(files), tuple(problems))


def _read_chain(file: ProfileFile, working_dir: Path) -> tuple[list[Path], list[Layer], list[Problem]]:
    """Read a profile and its parents, the child first."""
    chain = [file]
    layers: list[Layer] = []
    problems: list[Problem] = []
    while True:
        child = chain[-1]
        layer, found = parse_document(load_text(child.path, child.shown), child.shown, depth=len(layers))
        layers.append(layer)
        problems += found
        named = layer.tree.get("extends")
        if not isinstance(named, str):  # none, or a problem of type that validation will name
            return [one.path for one in chain], layers, problems
        chain.append(_parent(named, chain, layer.origins[("extends",)], working_dir))


def _parent(named: str, chain: list[ProfileFile], origin: Origin, working_dir: Path) -> ProfileFile:
    parent = find_parent(named, chain[-1], working_dir)
    if parent is None:
        guess = did_you_mean(named, shipped_profiles(), "shipped profiles")
        advice = "" if is_path(named) else f"; a file is named by its path, for example ./{shown(named)[1:-1]}.yaml"
        message = f"no parent profile {shown(named)}{guess}{advice}"
        raise ProfileInvalid((origin.problem(("extends",), message),))
    if parent.path.resolve() in {one.path.resolve() for one in chain}:
        circle = " -> ".join([*(one.shown for one in chain), parent.shown])
        raise ProfileInvalid((origin.problem(("extends",), f"is a circle: {circle}"),))
    if len(chain) > MAX_PARENTS:
        raise ProfileInvalid((origin.problem(("extends",), f"has more than {MAX_PARENTS} parents above it"),))
    return parent


def _in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    ordered = sorted(dict.fromkeys(problems), key=lambda one: (one.source, one.line or 0, one.key))
    more = len(ordered) - MAX_PROBLEMS
    if more > 0:
        ordered[MAX_PROBLEMS:] = [Problem(ordered[MAX_PROBLEMS].source, None, "", f"and {more} more problems")]
    return tuple(ordered)
