"""Layers of a profile: plain values, and where each of them was said. A later layer wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from aisuite.errors import Problem
from aisuite.profile.keypath import format_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aisuite.profile.keypath import KeyPath

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was said."""

    kind: Literal["profile", "dotenv", "environment", "flag", "default"]
    source: str  # the file as a person would name it, "environment", the flag, or "default"
    line: int | None = None
    name: str = ""  # of the environment variable
    depth: int = 0  # of a file: how many profiles extend it on the way to this one

    @property
    def where(self) -> str:
        """Write it in one phrase: `phase2.yaml:12`, `.env:3 CHAT_MODEL`, `environment CHAT_MODEL`, `--set`."""
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        return f"{place} {self.name}" if self.name else place

    @property
    def rank(self) -> int:
        """Order what was said by what overrides what: the higher wins."""
        return {"flag": 3, "environment": 2, "dotenv": 1, "profile": -self.depth, "default": -1000}[self.kind]

    def problem(self, path: KeyPath, message: str) -> Problem:
        """Say what is wrong with the value that was said here."""
        return Problem(self.source, self.line, self.name or format_key(path), message)


DEFAULT = Origin("default", "default")


@dataclass(frozen=True, slots=True)
class Layer:
    """Values as nested mappings; `origins` has an entry for every mapping, list, list entry and scalar in them."""

    tree: Tree
    origins: Mapping[KeyPath, Origin]


def layer_of(entries: Iterable[tuple[tuple[str, ...], object, Origin]]) -> Layer:
    """Build a layer from single values; of two for one path the later wins."""
    tree: Tree = {}
    origins: dict[KeyPath, Origin] = {}
    for path, value, origin in entries:
        inner = tree
        for length, part in enumerate(path[:-1], start=1):
            if not isinstance(inner.get(part), dict):
                inner[part] = {}
                origins[path[:length]] = origin
            inner = inner[part]
        inner[path[-1]] = value
        origins[path] = origin
    return Layer(tree, origins)


def merge(parent: Layer, child: Layer) -> Layer:
    """Lay the child over the parent: mappings are merged, everything else is replaced."""
    kept = {path: origin for path, origin in parent.origins.items() if not _owns(child.tree, path)}
    # A variable or a flag sets a value: the section around it is still the one of the file.
    said = {path: one for path, one in child.origins.items() if path not in kept or one.kind == "profile"}
    return Layer(_merged(parent.tree, child.tree), {**kept, **said})


def extend(parent: Layer, child: Layer) -> Layer:
    """Merge a profile over the one it extends.

    A model's source is one thing, and is replaced as one; a model of the parent that is nothing here is left out.
    """
    models, inherited = child.tree.get("models"), parent.tree.get("models")
    said = models if isinstance(models, dict) else {}
    gone = {name for name, model in said.items() if model is None and isinstance(inherited, dict) and name in inherited}
    replaced = {name for name, model in said.items() if _names_a_source(model)}
    return merge(_without_models(_without_sources(parent, replaced), gone), _without_models(child, gone))


def _without_models(layer: Layer, names: set[str]) -> Layer:
    if not names:
        return layer
    models = {name: model for name, model in layer.tree["models"].items() if name not in names}
    places = {("models", name) for name in names}
    origins = {path: origin for path, origin in layer.origins.items() if path[:2] not in places}
    return Layer({**layer.tree, "models": models}, origins)


def _names_a_source(model: object) -> bool:
    return isinstance(model, dict) and "source" in model


def _without_sources(layer: Layer, names: set[str]) -> Layer:
    models = layer.tree.get("models")
    if not names or not isinstance(models, dict):
        return layer
    cleaned = {
        name: {key: value for key, value in model.items() if key != "source"}
        if name in names and isinstance(model, dict)
        else model
        for name, model in models.items()
    }
    origins = {
        path: origin
        for path, origin in layer.origins.items()
        if not (path[:1] == ("models",) and path[2:3] == ("source",) and path[1] in names)
    }
    return Layer({**layer.tree, "models": cleaned}, origins)


def _owns(tree: object, path: KeyPath) -> bool:
    for part in path:
        if not isinstance(tree, dict):
            return True
        if part not in tree:
            return False
        tree = tree[part]
    return not isinstance(tree, dict)


def _merged(parent: object, child: object) -> Any:
    if not isinstance(parent, dict) or not isinstance(child, dict):
        return child
    merged = dict(parent)
    for key, value in child.items():
        merged[key] = _merged(parent.get(key), value)
    return merged
