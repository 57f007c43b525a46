"""Become a service: read its description, leave a record of this process, exec the program.

Runs as a script under `python -I -S`, so it knows the standard library only and imports little of it. Because it
execs, the process that supervisord watches is the server itself, and secrets travel in memory alone.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

TYPE_CHECKING = False  # typing itself would cost a third of the start
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

CANNOT_RUN = 127
WATCHDOG = "--watchdog"
_WATCHDOG_MODULE = "aisuite.adapters.process_engine.watchdog"
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR")
# Every process of a project carries its folder, and those of a service its name, into all its children.
FOLDER_MARK = "AISUITE_FOLDER"
SERVICE_MARK = "AISUITE_SERVICE"


class CannotRun(Exception):
    """Says in one line why the program could not be started."""


def read_stat(pid: int) -> tuple[str, int, int, int, int] | None:
    """Return a process's state letter, parent, group, session and start (clock ticks since boot); None: no such one."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets, which may itself hold brackets and spaces.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19])


def read_environment(pid: int) -> dict[str, str]:
    """Return the variables that a process of this user was started with; empty when they cannot be read."""
    place = Path(f"/proc/{pid}")
    try:
        if place.stat().st_uid != os.getuid():
            return {}
        text = os.fsdecode((place / "environ").read_bytes())
    except OSError:
        return {}
    return dict(entry.partition("=")[::2] for entry in text.split("\0"))


def list_pids() -> Iterator[int]:
    """Yield the ids of all processes."""
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def read_boot_id() -> str:
    """Return what tells this boot from any other: process ids and start times begin anew with each."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file so that a reader sees the old text or the new one, never a part."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(content))
    fresh.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object that a file holds; None when it is absent or damaged."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def record_process(path: Path, marks: dict[str, str]) -> None:
    """Write who this process is, and how often its service was started since the record was last taken away."""
    stat = read_stat(os.getpid())
    if stat is None:
        raise CannotRun("/proc is not mounted")
    _, _, _, session, started = stat
    boot = read_boot_id()
    last = read_json(path)
    if last is not None and last.get("boot") == boot:
        _end_leftovers(last.get("pid"), session, marks)
    write_json(
        path,
        {
            "pid": os.getpid(),
            "started": started,
            "boot": boot,
            "session": session,
            "at": time.time(),
            "starts": (last or {}).get("starts", 0) + 1,
        },
    )


def _end_leftovers(group: int | None, session: int, marks: dict[str, str]) -> None:
    """Kill children that outlived the last run: they would hold its port and its files."""
    for pid in list_pids():
        stat = read_stat(pid)
        if stat is None:
            continue
        if stat[2:4] == (group, session) or marks.items() <= read_environment(pid).items():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def build_environment(description: dict[str, Any], folder: Path, marks: dict[str, str]) -> dict[str, str]:
    """Return the service's whole environment. Raises CannotRun when a secret cannot be read."""
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    environment |= marks | description["environment"]
    for use in description["secrets"]:
        path = folder / use["file"]
        try:
            environment[use["variable"]] = str(path) if use["as_file"] else path.read_text()
        except OSError as err:
            raise CannotRun(f"cannot read {use['file']}: {err.strerror}") from err
    return environment


def prepare_and_exec(path: Path) -> None:
    """Replace this process by the service that the file describes. Raises CannotRun."""
    description = read_json(path)
    if description is None:
        raise CannotRun(f"{path} is missing or no JSON")
    folder = path.parents[2]
    marks = {FOLDER_MARK: os.environ[FOLDER_MARK], SERVICE_MARK: description["name"]}
    environment = build_environment(description, folder, marks)
    argv = description["argv"]
    program = shutil.which(argv[0], path=environment.get("PATH"))
    if program is None:
        raise CannotRun(f"the program {argv[0]} is not there, or cannot be run")
    try:
        if description["data"] is not None:
            Path(description["data"]).mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chdir(description["working_dir"])
        record_process(folder / "run" / f"{description['name']}.pid.json", marks)
        # Without its supervisor nobody would watch this service; the record is out by now, so that whoever takes
        # away a dead supervisor's services either finds it or need not, because it ends here.
        if os.getppid() != os.getsid(0):
            raise CannotRun("supervisord has ended meanwhile")
        os.execve(program, argv, environment)  # noqa: S606
    except OSError as err:
        raise CannotRun(f"cannot run {argv[0]}: {err.strerror} ({err.filename})") from err


def main() -> None:
    """Run the service described by the file that the one argument names, or the watchdog."""
    if sys.argv[1] == WATCHDOG:
        # -P keeps the project folder off sys.path.
        os.execv(sys.executable, [sys.executable, "-P", "-m", _WATCHDOG_MODULE])  # noqa: S606
    path = Path(sys.argv[1]).absolute()
    try:
        prepare_and_exec(path)
    except CannotRun as err:
        print(f"{path.stem}: {err}", file=sys.stderr)  # noqa: T201  this is the service's log
        sys.exit(CANNOT_RUN)


if __name__ == "__main__":
    main()
