"""What a command found out, kept in `evidence/<utc>-<command>` of the project's folder, safe to attach to a ticket."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aisuite.drill.redact import redact
from aisuite.drill.report import format_report, trial_folder
from aisuite.drill.timeline import draw_timeline
from aisuite.errors import AisuiteError, DiskFull, HostError
from aisuite.ops.log_slices import LogSlices
from aisuite.ops.scene import describe_scene, describe_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aisuite.drill.model import Request, Trial
    from aisuite.ports import Deps
    from aisuite.stack.model import Stack

SCHEMA = "aisuite.evidence/1"
FOLDER = "evidence"
UNDER_WAY = "under way"  # or killed, when its process lives no more

_HEAD = (
    "schema",
    "id",
    "command",
    "outcome",
    "began",
    "ended",
    "project",
    "engine",
    "profile",
    "phase",
)  # of report.md
_ROOM = 64 * 2**20  # bytes


@dataclass(frozen=True, slots=True)
class About:
    """Whose evidence it is."""

    command: str
    stack: Stack
    versions: Mapping[str, str]  # of what takes part, by name
    home: str  # the user's folder: its name is nobody else's business
    room: int = _ROOM  # bytes that it may come to


class Recording:
    """The evidence of one command, written while that runs."""

    def __init__(self, about: About, deps: Deps) -> None:
        self._about, self._deps = about, deps
        _require_room(about.room, deps)
        self._secrets = _read_secrets(about.stack, deps)
        self._began = deps.clock.now()
        self.id = _free_id(f"{_stamp(self._began)}-{about.command}", deps)
        self._trials: list[Trial] = []
        self._result: Mapping[str, Any] = {}
        self._text = ""
        self._scene = describe_scene(about.stack, about.versions, deps)
        self._before = describe_state(deps)
        self.end(UNDER_WAY)
        self._logs = LogSlices([service.name for service in about.stack.services], deps.engine)

    def keep(self, trial: Trial, requests: Sequence[Request]) -> None:
        """Keep one trial with what its clients saw and its services wrote. Raises DiskFull, StateUnwritable."""
        self._trials.append(trial)
        logs = self._logs.cut()
        if trial.moments is None:
            return
        folder = trial_folder(len(self._trials), trial)
        self._write(
            {
                f"{folder}/requests.jsonl": "".join(map(_line, requests)),
                f"{folder}/timeline.svg": draw_timeline(f"{trial.fault}: {trial.outcome}", requests, trial.moments),
                **{f"{folder}/logs/{name}.log": text for name, text in logs.items()},
            }
        )
        self.end(UNDER_WAY)

    def conclude(self, result: Mapping[str, Any], text: str = "") -> None:
        """Take the command's own report, as `--json` prints it, and as people read it where it has no trials."""
        self._result, self._text = result, text

    def end(self, outcome: str) -> None:
        """Write the report with all that is known. Raises DiskFull, StateUnwritable."""
        done = outcome != UNDER_WAY
        head = {
            "schema": SCHEMA,
            "id": self.id,
            "command": self._about.command,
            "outcome": outcome,
            "process": None if done else self._deps.host.this_process(),
            "began": _written(self._began),
            "ended": _written(self._deps.clock.now()) if done else None,
        }
        told = {"trials": [asdict(trial) for trial in self._trials], **self._result}
        states = {"before": self._before, "after": describe_state(self._deps) if done else None}
        content = {**head, **self._scene, **states, **told}
        facts = {name: content[name] for name in _HEAD}
        self._write(
            {
                "report.json": json.dumps(content, ensure_ascii=False, indent=1, default=str) + "\n",
                "report.md": format_report(self._about.command, _in_words(facts), self._trials, self._text),
            }
        )

    def discard(self) -> None:
        """Remove everything: the command was refused, and found out nothing."""
        self._deps.workdir.remove(f"{FOLDER}/{self.id}")

    @property
    def empty(self) -> bool:
        """Whether nothing was found out yet."""
        return not self._trials and not self._result

    def _write(self, files: Mapping[str, str]) -> None:
        kept = {name: redact(text.replace(f"{self._about.home}/", "~/"), self._secrets) for name, text in files.items()}
        self._deps.workdir.write({f"{FOLDER}/{self.id}/{name}": text for name, text in kept.items()})


@contextmanager
def recorded(about: About, deps: Deps) -> Iterator[Recording]:
    """Record what a `with` block finds out, however it ends; one that was refused leaves nothing.

    Raises DiskFull and StateUnwritable before the block begins.
    """
    recording = Recording(about, deps)
    outcome = "interrupted"
    try:
        yield recording
        outcome = "ended"
    except AisuiteError as err:
        outcome = err.message
        raise
    finally:
        if outcome == "ended":
            recording.end(outcome)
        elif recording.empty:
            recording.discard()
        else:
            with suppress(HostError):  # what ended the block says more
                recording.end(outcome)


def _require_room(wanted: int, deps: Deps) -> None:
    folder = deps.workdir.folder
    free = deps.host.free_bytes(folder)
    if free < wanted:
        mib = 2**20
        raise DiskFull(
            f"the evidence may take {wanted // mib} MiB in {folder}, and {free // mib} MiB are free", f"df -h {folder}"
        )


def _read_secrets(stack: Stack, deps: Deps) -> tuple[str, ...]:
    found = (deps.workdir.read(f"secrets/{name}") for name in stack.secrets)
    return tuple(secret.strip() for secret in found if secret)


def _free_id(name: str, deps: Deps) -> str:
    """Return the name, with a number where a command began in the same second."""
    taken = set(deps.workdir.list_folder(FOLDER))
    return next(one for one in (name, *(f"{name}-{number}" for number in range(2, 1000))) if one not in taken)


def _line(request: Request) -> str:
    return json.dumps(asdict(request), ensure_ascii=False) + "\n"


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y%m%dT%H%M%SZ")


def _written(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def _in_words(facts: Mapping[str, Any]) -> dict[str, str]:
    return {name: "-" if value is None else str(value) for name, value in facts.items()}
