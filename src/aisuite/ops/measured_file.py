"""What was measured of each model server at its last start, kept beside the project's record."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from aisuite.vram.model import Parts
from aisuite.vram.verdict import Holds, Split

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.ports import Workdir

_FILE = "measured.json"
_SCHEMA = "aisuite.measured/1"


@dataclass(frozen=True, slots=True)
class ServerReport:
    """One model server after its start. `differences` are in words; with `forced` they are wanted."""

    split: Split
    differences: tuple[str, ...]
    forced: bool = False
    build: str | None = None  # of its llama.cpp, by its own word

    def as_json(self) -> dict[str, Any]:
        """The same, of plain values. Sizes are bytes."""
        return {**asdict(self.split), "differences": self.differences, "forced": self.forced, "build": self.build}


@dataclass(frozen=True, slots=True)
class Measured:
    """All model servers of a project, by the names of their services."""

    servers: Mapping[str, ServerReport] = field(default_factory=dict)


def write_measured(workdir: Workdir, measured: Measured) -> None:
    """Keep it in the project folder. Raises StateUnwritable, DiskFull."""
    body = {"schema": _SCHEMA, "servers": [one.as_json() for one in measured.servers.values()]}
    workdir.write({_FILE: json.dumps(body, indent=2) + "\n"})


def read_measured(workdir: Workdir) -> Measured:
    """Return what was measured last; nothing when that is not there, or not ours."""
    text = workdir.read(_FILE)
    try:
        body = json.loads(text or "{}")
        if body.get("schema") != _SCHEMA:
            return Measured()
        return Measured({one["service"]: _report(one) for one in body["servers"]})
    except (ValueError, KeyError, TypeError, AttributeError):
        return Measured()  # of another version, or damaged: the next start writes it again


def forget_measured(workdir: Workdir) -> None:
    """Remove what was measured: nothing runs any more."""
    workdir.remove(_FILE)


def _report(body: dict[str, Any]) -> ServerReport:
    split = Split(
        service=body["service"],
        planned=body["planned"],
        planned_parts=_parts(body["planned_parts"]),
        allocated=_parts(body["allocated"]),
        measured=body["measured"],
        holds=Holds(body["holds"]),
        why=body["why"],
    )
    return ServerReport(split, tuple(body["differences"]), body["forced"], body["build"])


def _parts(body: dict[str, int] | None) -> Parts | None:
    return None if body is None else Parts(**body)
