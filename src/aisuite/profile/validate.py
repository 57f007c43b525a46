"""Turn a layer into a profile, or into everything that is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from aisuite.profile.check import check
from aisuite.profile.effective import plain_values
from aisuite.profile.explain import explain
from aisuite.profile.keypath import find_value, format_key, longest_known
from aisuite.profile.layer import DEFAULT, Layer, Origin
from aisuite.profile.model import Profile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aisuite.errors import Problem
    from aisuite.profile.keypath import KeyPath
    from aisuite.profile.layer import Tree


def validate(layer: Layer) -> tuple[Profile | None, tuple[Problem, ...]]:
    """Return the profile, and what is wrong with it: single values and, as far as they can be judged, conflicts."""
    wrong: dict[KeyPath, str] = {}
    try:
        profile: Profile | None = _parse(layer.tree)
    except ValidationError as err:
        wrong = explain(err, layer.tree)
        profile = _rest(layer.tree, wrong)
    conflicts = [
        (_said_last(layer, finding.keys), finding.message)
        for finding in (check(profile) if profile else ())
        # A conflict with a value that is wrong anyway would be one with its default, which nobody wrote.
        if not any(_overlap(key, path) for key in finding.keys for path in wrong)
    ]
    return profile, tuple(_place(layer, path).problem(path, message) for path, message in [*wrong.items(), *conflicts])


def _said_last(layer: Layer, keys: tuple[KeyPath, ...]) -> KeyPath:
    """Return the key that somebody wrote, of several the one that overrode most; the first if nobody wrote any."""
    written = [key for key in keys if key in layer.origins]
    return max(written, key=lambda key: layer.origins[key].rank, default=keys[0])


def _parse(tree: Tree) -> Profile:
    return Profile.model_validate(tree, by_alias=True, by_name=False)


def _rest(tree: Tree, wrong: Iterable[KeyPath]) -> Profile | None:
    """Return the profile that the tree makes without what is wrong in it, if it makes one."""
    removed: set[KeyPath] = set()
    more = set(wrong)
    while more and () not in more:
        removed |= more
        pruned = _pruned(tree, (), removed)
        try:
            return _parse(pruned)
        except ValidationError as err:
            # What misses a part is of no use as a whole: a model without a source, a route without models.
            more = {path[:-1] for path in explain(err, pruned)} - removed
    return None


def _pruned(tree: Any, path: KeyPath, wrong: set[KeyPath]) -> Any:
    if isinstance(tree, dict):
        kept = ((key, value) for key, value in tree.items() if (*path, key) not in wrong)
        return {key: _pruned(value, (*path, key), wrong) for key, value in kept}
    if isinstance(tree, list):
        return [_pruned(item, (*path, at), wrong) for at, item in enumerate(tree) if (*path, at) not in wrong]
    return tree


def _overlap(one: KeyPath, other: KeyPath) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _place(layer: Layer, path: KeyPath) -> Origin:
    return layer.origins[longest_known(path, layer.origins)]


def origins(profile: Profile, layer: Layer) -> dict[str, Origin]:
    """Return where each value of `flatten(profile)` was said."""
    return {format_key(path): _origin(layer, path) for path in plain_values(profile)}


def _origin(layer: Layer, path: KeyPath) -> Origin:
    holder = find_value(layer.tree, path[:-1])
    said = isinstance(holder, dict) and path[-1] in holder
    return _place(layer, path) if said else DEFAULT
