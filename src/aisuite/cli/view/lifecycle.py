"""Reports about a stack that was brought up, and what stays of it: restart, watch, eject, clean."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aisuite.cli.view.gpu import servers_json
from aisuite.cli.view.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aisuite.cli.output import Output
    from aisuite.ops.clean import CleanReport
    from aisuite.ops.eject import EjectReport
    from aisuite.ops.restart import RestartReport
    from aisuite.ops.watch import WatchEvent, WatchReport
    from aisuite.ports import Leftover

_MIB = 2**20
_UNIT = """\
# Save as ~/.config/systemd/user/{name}, then:
#   systemctl --user daemon-reload
#   systemctl --user enable --now {name}
#   loginctl enable-linger            # also while nobody is logged in
# The unit does not see your shell's variables: what `up` shall find, write into .env in the folder below.

[Unit]
Description=aisuite watches the project {project}

[Service]
WorkingDirectory={folder}
ExecStart={command}
Restart=on-failure
RestartSec=30
# The services of the project are no part of the watch: they live on when it ends.
KillMode=process

[Install]
WantedBy=default.target
"""


def restart_json(report: RestartReport) -> dict[str, Any]:
    """What was restarted, and every service as it is now."""
    return {
        "restarted": [one.step.subject for one in report.results],
        "seconds": round(report.seconds, 3),
        "services": [asdict(service) for service in report.services],
        "measured": servers_json(report.measured),
        "failures": [{"message": err.message, "hint": err.hint} for err in report.drift],
    }


def restart_text(report: RestartReport) -> str:
    """What was restarted, each with the seconds to ready, and what does not run as it was asked to."""
    lines = [f"{one.step.subject} is ready again after {one.seconds:.1f} s" for one in report.results]
    lines += [f"{err.message}\n  fix: {err.hint}" for err in report.drift]
    return "\n".join(lines)


def watch_json(report: WatchReport) -> dict[str, Any]:
    """How each service was found, and what was done."""
    return {"services": dict(report.services), "events": [asdict(event) for event in report.events]}


def watch_text(report: WatchReport) -> str:
    """How each service was found; the events were told as they came."""
    return "found: " + ", ".join(f"{name} {condition}" for name, condition in report.services.items())


def event_line(event: WatchEvent) -> str:
    """One line of a log."""
    return " ".join(part for part in (event.at, event.service, event.what, event.detail) if part)


def unit_text(project: str, words: Sequence[str], working_dir: Path) -> str:
    """A systemd user unit that runs these words in this folder."""
    name = f"aisuite-watch-{project}.service"
    folder = str(working_dir).replace("%", "%%")
    return _UNIT.format(name=name, project=project, folder=folder, command=" ".join(map(_in_unit, words)))


def _in_unit(word: str) -> str:
    """Quote a word of a command as systemd reads it: % and $ stand for themselves only when doubled."""
    for char, written in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        word = word.replace(char, written)
    return f'"{word}"'


def eject_json(report: EjectReport) -> dict[str, Any]:
    """The folder, its files, which of them changed, and the model files that are not there yet."""
    return {
        "folder": report.folder,
        "files": list(report.files),
        "changed": list(report.changed),
        "missing": list(report.missing),
    }


def eject_text(report: EjectReport) -> str:
    """What was written, what is missing, and how to start it."""
    lines = [report.folder, *(f"  {name}" for name in report.files), "  secrets/"]
    lines += [f"missing: {path}   (aisuite models pull)" for path in report.missing]
    start = f"cd {shlex.quote(report.folder)} && docker compose up --detach --wait"
    return "\n".join([*lines, "", f"It runs without aisuite: {start}"])


def clean_json(report: CleanReport) -> dict[str, Any]:
    """What was found, and what was removed."""
    return {"leftovers": [asdict(one) for one in report.leftovers], "removed": list(report.removed)}


def clean_text(report: CleanReport, out: Output) -> str:
    """A table, and how to remove it."""
    if not report.leftovers:
        return "nothing is left over"
    rows = [("WHAT", "SIZE", "STATE", "PATH")]
    rows += [(one.what, f"{one.bytes / _MIB:.0f} MiB", _fate(one, report), one.name) for one in report.leftovers]
    removable = any(one.used_by is None for one in report.leftovers)
    return table(rows, out) + ("" if report.removed or not removable else "\n\nremove it: aisuite clean --yes")


def _fate(leftover: Leftover, report: CleanReport) -> str:
    if leftover.used_by is not None:
        return f"used by {leftover.used_by}"
    return "removed" if leftover.name in report.removed else "unused"
