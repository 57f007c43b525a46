"""A finished profile as flat values: by key path, and by the names of environment variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.profile.dependencies import host_ports
from aisuite.profile.environment import VARIABLES
from aisuite.profile.keypath import format_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aisuite.profile.environment import Variable
    from aisuite.profile.keypath import KeyPath
    from aisuite.profile.model import Profile


def flatten(profile: Profile) -> dict[str, object]:
    """Return every effective value, defaults included, by its written key path, in the order of the model."""
    return {format_key(path): value for path, value in plain_values(profile).items()}


def plain_values(profile: Profile) -> dict[KeyPath, object]:
    """Return what `flatten` does, by key path. Lists are values, sizes and durations are text; every port is named."""
    tree = profile.model_dump(mode="json", by_alias=True)
    usual = {name: int(port) for name, port in host_ports(profile).items() if port is not None}
    tree["ports"] = {**usual, **tree["ports"]}
    return dict(_leaves(tree, ()))


def effective_variables(profile: Profile) -> dict[str, str]:
    """Return the effective settings by the names of their environment variables; empty text for what is not set.

    A variable that speaks for all chat models is left out when they differ, and so is one for a model that is not
    there.
    """
    others = {name for name, model in profile.models.items() if model.serves != "chat"}
    values = {path: one for path, one in plain_values(profile).items() if path[0] != "models" or path[1] not in others}
    found = {}
    for variable in VARIABLES:
        texts = {_text(variable, value) for path, value in values.items() if _speaks_for(variable, path)}
        if len(texts) == 1:
            found[variable.name] = texts.pop()
    return found


def _leaves(tree: Mapping[str, object], path: KeyPath) -> Iterator[tuple[KeyPath, object]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _speaks_for(variable: Variable, path: KeyPath) -> bool:
    return len(path) == len(variable.path) and all(
        wanted in {"*", part} for wanted, part in zip(variable.path, path, strict=True)
    )


def _text(variable: Variable, value: object) -> str:
    return "" if value is None else variable.kind.write(str(value))
