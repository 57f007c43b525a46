"""`aisuite render`: the files that `up` would write, written somewhere, shown, or compared."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.ports import Renderer, Workdir
    from aisuite.stack.model import Stack


@dataclass(frozen=True, slots=True)
class RenderReport:
    """The rendered files; `changed` were written, or would be."""

    folder: str
    files: tuple[str, ...]
    changed: tuple[str, ...]
    diff: str = ""
    exit_code: int = 0


def render(stacks: Sequence[Stack], renderer: Renderer, target: Workdir, *, diff: bool) -> RenderReport:
    """Write every stack's files into `target`; with `diff` write nothing and say what would change."""
    files = {name: text for stack in stacks for name, text in renderer.render(stack).items()}
    if not diff:
        here = [one for one in stacks if one.engine == "docker" and one.folder == target.folder]
        target.write({name: text for stack in here for name, text in data_folders(stack).items()})
        return RenderReport(str(target.folder), tuple(sorted(files)), target.write(files))
    before = {name: target.read(name) for name in files}
    changed = tuple(sorted(name for name, text in files.items() if before[name] != text))
    hunks = [line for name in changed for line in _diff(name, before[name], files[name])]
    return RenderReport(str(target.folder), tuple(sorted(files)), changed, "".join(hunks))


def data_folders(stack: Stack) -> dict[str, str]:
    """Return a file for each folder that a container writes to: one that Docker makes itself belongs to root."""
    places = [PurePosixPath(service.data) for service in stack.services if service.data is not None]
    below = [place.relative_to(stack.folder) for place in places if place.is_relative_to(stack.folder)]
    return {f"{place}/.kept-here": "What this service keeps lies in this folder.\n" for place in below}


def _diff(name: str, before: str | None, after: str) -> list[str]:
    old = (before or "").splitlines(keepends=True)
    return list(difflib.unified_diff(old, after.splitlines(keepends=True), f"{name} (now)", f"{name} (rendered)"))
