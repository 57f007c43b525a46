"""A second suite beside the first, of the services that keep something: other folder, other ports, same settings."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisuite.stack.model import Endpoint, Stack, State
from aisuite.units import Port

if TYPE_CHECKING:
    from collections.abc import Mapping

_PORT = re.compile(r"(?<=:)[0-9]{2,5}(?![0-9])")


def keepers(stack: Stack) -> tuple[str, ...]:
    """Return the names of the services that declare state, in start order."""
    return tuple(service.name for service in stack.services if service.state != State())


def scratch_stack(stack: Stack, project: str, ports: Mapping[int, int]) -> Stack:
    """Return a stack of the services that keep something, in a folder beside the stack's own.

    `ports` maps those on which this machine reaches them to free ones. What they keep lies below the new folder,
    wherever it lay before. Services that are left out are depended on no more.
    """
    folder = stack.folder.with_name(project)
    inside = stack.engine == "docker"  # a container's own ports and addresses stay as they are
    move = _Move(
        ((str(stack.data), str(folder / "data")), (str(stack.folder), str(folder))),
        {} if inside else ports,
        ports,
    )
    kept = keepers(stack)
    services = []
    for service in stack.services:
        if service.name in kept:
            needs = tuple(need for need in service.depends_on if need.service in kept)
            services.append(replace(move.all_of(service), depends_on=needs))
    return replace(
        stack, project=project, folder=folder, data=folder / "data", services=tuple(services), models=(), notes=()
    )


class _Move:
    """Writes values anew, with other paths and ports."""

    def __init__(
        self, places: tuple[tuple[str, str], ...], ports: Mapping[int, int], published: Mapping[int, int]
    ) -> None:
        self._places = places
        self._ports = ports
        self._published = published

    def all_of(self, value: Any) -> Any:
        if isinstance(value, str) and type(value) is str:
            return self._text(value)
        if isinstance(value, Path):
            return Path(self._text(str(value)))
        if isinstance(value, tuple):
            return tuple(self.all_of(one) for one in value)
        if isinstance(value, Endpoint):
            return replace(value, port=Port(self._ports.get(value.port, value.port)))
        if is_dataclass(value) and not isinstance(value, type):
            found = {one.name: self.all_of(getattr(value, one.name)) for one in fields(value)}
            if "published" in found:
                here = value.published  # type: ignore[attr-defined]
                found["published"] = replace(here, port=Port(self._published.get(here.port, here.port)))
            return replace(value, **found)
        return value

    def _text(self, text: str) -> str:
        for old, new in self._places:
            if old in text:
                text = text.replace(old, new)
                break
        if text.isdecimal() and int(text) in self._ports:
            return str(self._ports[int(text)])
        return _PORT.sub(lambda found: str(self._ports.get(int(found[0]), found[0])), text)
