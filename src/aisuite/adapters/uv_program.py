"""uv, which installs locked packages: the gateway's environment and the service image share this door."""

from __future__ import annotations

import os
import shutil

from aisuite.errors import EngineUnavailable


def find_uv(purpose: str) -> str:
    """Return the path of uv: of its package, else from PATH. `purpose` is what is made with it, for the error.

    Raises EngineUnavailable.
    """
    try:
        import uv

        return os.fsdecode(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise EngineUnavailable(f"{purpose} is made with uv, which is not installed", "pip install 'aisuite[local]'")
    return found
