"""Where the shipped templates and profiles lie: inside the wheel, or in the checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def find_data_dir(name: str) -> Path:
    """Return the folder of shipped data `name` ("templates" or "profiles")."""
    packed = _PACKAGE / "_data" / name
    # An editable install has no _data: its files are those of the checkout.
    return packed if packed.is_dir() else _PACKAGE.parents[1] / name
