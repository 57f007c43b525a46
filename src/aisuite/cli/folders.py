"""Where this program keeps what belongs to its user, not to one project."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def user_folder(kind: Literal["cache", "data"]) -> Path:
    """Return the user's folder for what can be made again, or for what cannot."""
    import platformdirs

    folder = platformdirs.user_cache_dir("aisuite") if kind == "cache" else platformdirs.user_data_dir("aisuite")
    return Path(folder)
