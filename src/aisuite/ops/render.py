"""`aisuite render`: the files that `up` would write, written somewhere, shown, or compared."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
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
        return RenderReport(str(target.folder), tuple(sorted(files)), target.write(files))
    before = {name: target.read(name) for name in files}
    changed = tuple(sorted(name for name, text in files.items() if before[name] != text))
    hunks = [line for name in changed for line in _diff(name, before[name], files[name])]
    return RenderReport(str(target.folder), tuple(sorted(files)), changed, "".join(hunks))


def _diff(name: str, before: str | None, after: str) -> list[str]:
    old = (before or "").splitlines(keepends=True)
    return list(difflib.unified_diff(old, after.splitlines(keepends=True), f"{name} (now)", f"{name} (rendered)"))
