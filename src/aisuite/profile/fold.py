"""Lay the environment and the flags over a profile; nowhere else are they read."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from aisuite.errors import Problem, ProfileInvalid
from aisuite.profile.document import parse_document, parse_scalar
from aisuite.profile.environment import COMMAND_LINE, UNUSED, VARIABLES
from aisuite.profile.keypath import find_value, format_key, parse_key, shown
from aisuite.profile.layer import Layer, Origin, layer_of, merge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from aisuite.profile.dotenv import Assignment
    from aisuite.profile.environment import Variable
    from aisuite.profile.layer import Tree


Override = tuple[object, str]  # a value from the command line, and the flag that said it


@dataclass(frozen=True, slots=True)
class Said:
    """The text of one environment variable, and where it was set."""

    name: str
    value: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Unused:
    """A documented variable that is set, but sets nothing in this version."""

    name: str
    origin: Origin
    reason: str


@dataclass(frozen=True, slots=True)
class Folded:
    """A profile with the environment and the flags in it."""

    layer: Layer
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]


def parse_override(text: str, flag: str = "--set") -> tuple[str, Override]:
    """Read `gpu.budget=6GiB` or `routes.chat-7b=[code, chat]`; the value is YAML. Raises ValueError."""
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{shown(text)} is not KEY=VALUE; write for example gpu.budget=6GiB")
    path = format_key(parse_key(key.strip()))
    if not value.startswith(("[", '"', "'")):
        return path, (parse_scalar(value), flag)
    try:
        layer, problems = parse_document(f"value: {value}", flag)
    except ProfileInvalid as err:
        problems = err.problems
    if problems:
        raise ValueError(f"{path}: {problems[0].message}")
    return path, (layer.tree["value"], flag)


def said_in_dotenv(assignments: Iterable[Assignment], source: str) -> tuple[Said, ...]:
    """Return what a `.env` file sets. An empty value counts as not set, as in Compose's `${NAME:-default}`."""
    return tuple(
        Said(found.name, found.value, Origin("dotenv", source, found.line, found.name))
        for found in assignments
        if found.value
    )


def said_in_environment(environ: Mapping[str, str]) -> tuple[Said, ...]:
    """Return what the environment sets, of the names that aisuite documents."""
    names = [*(variable.name for variable in VARIABLES), *UNUSED]
    return tuple(
        Said(name, environ[name], Origin("environment", "environment", None, name))
        for name in names
        if environ.get(name)
    )


def fold(
    base: Layer, dotenv: tuple[Said, ...], environment: tuple[Said, ...], overrides: Mapping[str, Override]
) -> Folded:
    """Lay `.env`, then the environment, then the flags over a profile."""
    problems: list[Problem] = []
    warnings = _misspelled(dotenv)
    flags = _flags(overrides, problems)
    final = merge(base, flags).tree  # which models there are, and whether there is a card, a flag may have changed
    for said in (dotenv, environment):
        by_name = {one.name: one for one in said}
        entries = [
            entry
            for variable in VARIABLES
            if variable.name in by_name
            for entry in _entries(variable, by_name[variable.name], final, problems, warnings)
        ]
        base = _override(base, layer_of(entries))
    return Folded(_override(base, flags), tuple(problems), tuple(warnings))


def find_unused(said: Iterable[Said]) -> tuple[Unused, ...]:
    """Return the variables that are set for nothing, and why."""
    reasons = {**UNUSED, **dict.fromkeys(COMMAND_LINE, "it is read from the environment only, not from a file")}
    return tuple(Unused(one.name, one.origin, reasons[one.name]) for one in said if one.name in reasons)


def _flags(overrides: Mapping[str, Override], problems: list[Problem]) -> Layer:
    entries = []
    for key, (value, flag) in overrides.items():
        try:
            entries.append((parse_key(key), value, Origin("flag", flag)))
        except ValueError as err:
            problems.append(Problem(flag, None, "", str(err)))
    return layer_of(entries)


def _entries(
    variable: Variable, said: Said, tree: Tree, problems: list[Problem], warnings: list[str]
) -> Iterator[tuple[tuple[str, ...], object, Origin]]:
    try:
        value = variable.kind.read(said.value.strip())
    except ValueError as err:
        problems.append(said.origin.problem((), str(err)))
        return
    reason = _why_not_used(variable, tree)
    if reason:
        warnings.append(f"{said.origin.where} is not used: {reason}")
        return
    for name in _chat_models(tree) if "*" in variable.path else [""]:
        yield tuple(name if part == "*" else part for part in variable.path), value, said.origin


def _chat_models(tree: Tree) -> list[str]:
    """Name the models that variables for all of them speak of: an encoder has other needs."""
    models = tree.get("models")
    found = models.items() if isinstance(models, dict) else ()
    return [name for name, model in found if not isinstance(model, dict) or model.get("serves", "chat") == "chat"]


def _why_not_used(variable: Variable, tree: Tree) -> str | None:
    model = _model_of(variable)
    if model and not isinstance(find_value(tree, ("models", model)), dict):
        return f"the profile has no model {model!r}"
    if variable.only_for == "files" and find_value(tree, ("models", model, "source", "demo")) is True:
        return f"the model {model!r} of this profile is a demo model"
    if variable.only_for == "card" and (find_value(tree, ("gpu", "backend")) or "cpu") == "cpu":
        return "gpu.backend is cpu"
    return None


def _model_of(variable: Variable) -> str:
    """Name the model that a variable speaks for; empty when it is none, or all."""
    if variable.path[0] == "models":
        return variable.path[1].strip("*")
    if variable.path[0] == "ports":
        return variable.path[1].removeprefix("inference-") if variable.path[1].startswith("inference-") else ""
    return ""


def _override(below: Layer, above: Layer) -> Layer:
    """Merge; a digest does not outlive the file it was measured of."""
    digests = []
    for path, origin in above.origins.items():
        digest = (*path[:-1], "sha256")
        new_file = path[:1] == ("models",) and path[2:] == ("source", "file")
        if new_file and digest not in above.origins and find_value(below.tree, path) != find_value(above.tree, path):
            digests.append((tuple(str(part) for part in digest), None, origin))
    return merge(merge(below, layer_of(digests)), above)


def _misspelled(said: Iterable[Said]) -> list[str]:
    known = [*(variable.name for variable in VARIABLES), *UNUSED, *COMMAND_LINE]
    warnings = []
    for one in said:
        # A .env file may serve other programs too: only a name that is nearly ours is worth a word.
        near = get_close_matches(one.name, known, n=1, cutoff=0.9) if one.name not in known else []
        if near:
            warnings.append(f"{one.origin.where} is no name of aisuite (did you mean {near[0]!r}?)")
    return warnings
