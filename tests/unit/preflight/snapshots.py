"""Snapshots as a test wants them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisuite.preflight.catalogue import CHECKS
from aisuite.preflight.model import Finding, examine
from aisuite.preflight.snapshot import Snapshot
from tests.fakes.stacks import make_service, make_stack

if TYPE_CHECKING:
    from aisuite.stack.model import EngineName, Service

HERE = Path("/srv/aisuite")


def snapshot(
    *services: Service, engine: EngineName = "process", gpu_device: int | None = None, **sections: Any
) -> Snapshot:
    """Return a snapshot of a stack of these services, else of a gateway alone."""
    stack = make_stack(*(services or (make_service("api-gateway", 8000),)), gpu_device=gpu_device)
    return Snapshot(replace(stack, engine=engine), HERE, **sections)


def judged(check: str, seen: Snapshot) -> Finding:
    """Return what the check of that id says."""
    return examine(next(one for one in CHECKS if one.id == check), seen)
