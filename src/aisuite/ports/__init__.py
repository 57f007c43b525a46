"""The doors: what the use cases ask of the outside. Each has a real adapter and a fake that cannot lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.ports.client import Answer, Chat, Probe
from aisuite.ports.engine import Engine
from aisuite.ports.faults import Faults
from aisuite.ports.files import Renderer
from aisuite.ports.gpu import Calibration, Gpu, GpuDevice, GpuDriver, GpuProcess
from aisuite.ports.insight import EngineEvent, Insight, Listed, Streams, Task
from aisuite.ports.machine import Clock, Host
from aisuite.ports.state import Folder, Journal, KeptData, Leftover, Leftovers, Workdir
from aisuite.ports.supply import Hub, Images, LocalImage, Preparer, Progress, Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aisuite.stack.model import Stack

__all__ = [
    "Answer",
    "Calibration",
    "Chat",
    "Clock",
    "Deps",
    "Engine",
    "EngineEvent",
    "Faults",
    "Folder",
    "Gpu",
    "GpuDevice",
    "GpuDriver",
    "GpuProcess",
    "Host",
    "Hub",
    "Images",
    "Insight",
    "Journal",
    "KeptData",
    "Leftover",
    "Leftovers",
    "Listed",
    "LocalImage",
    "Preparer",
    "Probe",
    "Progress",
    "Recipe",
    "Renderer",
    "Streams",
    "Task",
    "Workdir",
]


@dataclass(frozen=True, slots=True)
class Deps:
    """Everything a use case may need of the outside."""

    engine: Engine
    probe: Probe
    renderer: Renderer
    workdir: Workdir
    host: Host
    clock: Clock
    gpu: Gpu
    preparers: Mapping[str, Preparer]
    images: Images | None = None  # None: the engine needs none
    calibration: Calibration | None = None  # None: what is measured on a card is not remembered
    faults: Callable[[Stack], Faults] | None = None  # what breaks the services of a stack; None: nothing does
    schema_of: Callable[[str], int | None] | None = None  # version of a SQLite file's schema; None: it says none
