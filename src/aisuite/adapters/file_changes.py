"""Changes below a folder, as the operating system tells them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


def watch_changes(folder: Path) -> Iterator[frozenset[Path]]:
    """Yield the files that were made, changed or removed, in groups, for ever. Raises UsageError, at once."""
    try:
        import watchfiles
    except ImportError as err:
        raise UsageError(f"changes of files cannot be watched: {err}", "pip install 'aisuite[local]'") from err

    def changes() -> Iterator[frozenset[Path]]:
        for group in watchfiles.watch(folder, raise_interrupt=True, ignore_permission_denied=True):
            yield frozenset(Path(path) for _, path in group)

    return changes()
