"""The folders of this machine in which containers keep their data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from aisuite.adapters.durable import make_folder
from aisuite.errors import StateUnwritable

if TYPE_CHECKING:
    from aisuite.stack.model import Service, Stack


def make_data_folders(stack: Stack) -> None:
    """Make those that are missing, for the user of the container alone. Raises StateUnwritable."""
    for service in stack.services:
        if service.data is not None:
            try:
                _make(Path(service.data), service)
            except OSError as err:
                raise StateUnwritable(
                    f"cannot make {service.data}, where {service.name} keeps its data: {err.strerror}",
                    f"ls -ld {Path(service.data).parent}",
                ) from err


def _make(folder: Path, service: Service) -> None:
    make_folder(folder)
    if os.geteuid() == 0 and service.user is not None:
        user, _, group = service.user.partition(":")
        os.chown(folder, int(user), int(group))
