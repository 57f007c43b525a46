"""This machine: its ports, disk and cores."""

from __future__ import annotations

import errno
import math
import os
import shutil
import socket
from pathlib import Path

_SOMEBODY = "another process"
_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104  recognised, not bound
_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")


class LocalHost:
    """The machine that this process runs on."""

    def port_holder(self, host: str, port: int) -> str | None:
        """Return who listens there ("python3, pid 4242"), or None when the port is free.

        "another process" when the holder cannot be seen.
        """
        if _can_listen(host, port):
            return None
        return _find_listener(host, port) or _SOMEBODY

    def free_bytes(self, path: Path) -> int:
        """Return free space for this user on the file system of path (or of its nearest existing parent)."""
        place = path.absolute()
        while not place.exists():
            place = place.parent
        return shutil.disk_usage(place).free

    def cpus(self) -> int:
        """Return how many cores this process may use: its affinity, and its control group's quota rounded up."""
        allowed = len(os.sched_getaffinity(0))
        quota = _read_quota(_CGROUP)
        return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))

    def free_memory(self) -> int | None:
        """Return the bytes of RAM that programs can still get without swapping; None where nobody says it."""
        known = [size for size in (_available(_MEMINFO), _left_in_group(_CGROUP)) if size is not None]
        return min(known, default=None)

    def this_process(self) -> str:
        """Return the number of this process and when it was started, in ticks since the boot of this machine."""
        return f"{os.getpid()}-{_started(os.getpid())}"

    def lives(self, process: str) -> bool:
        """Return whether the process that was told so still runs."""
        pid, _, started = process.partition("-")
        return pid.isascii() and pid.isdecimal() and started != "" and _started(int(pid)) == started


def _started(pid: int) -> str:
    """Return field 22 of proc_pid_stat(5); empty when there is no such process."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return told.rpartition(")")[2].split()[19]  # the name before it, in parentheses, may hold anything


def _can_listen(host: str, port: int) -> bool:
    """Try it as a server would: connections of a former server that linger in TIME_WAIT are no obstacle."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except OSError as err:
        # Anything else (no such address, no right to a low port) is not somebody else's doing.
        return err.errno != errno.EADDRINUSE
    return True


def _find_listener(host: str, port: int) -> str | None:
    import psutil  # here, because it is needed only when something is wrong

    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return None
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or not connection.laddr or connection.laddr.port != port:
            continue
        if host == connection.laddr.ip or not _EVERYWHERE.isdisjoint({host, connection.laddr.ip}):
            return _describe(connection.pid)
    return None


def _describe(pid: int | None) -> str | None:
    import psutil

    if pid is None:
        return None
    try:
        return f"{psutil.Process(pid).name()}, pid {pid}"
    except psutil.Error:
        return f"pid {pid}"


def _read_quota(folder: Path) -> float | None:
    """Return the cores that cgroup v2 grants; None: no limit, or none that can be read."""
    try:
        limit, period = (folder / "cpu.max").read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _available(meminfo: Path) -> int | None:
    """Return what the kernel counts as available, reclaimable caches included."""
    kibibytes = _figure(meminfo, "MemAvailable:")
    return None if kibibytes is None else kibibytes * 1024


def _left_in_group(folder: Path) -> int | None:
    """Return what cgroup v2 still grants; None: no limit, or none that can be read."""
    try:
        limit = (folder / "memory.max").read_text().strip()
        if limit == "max":
            return None
        # Files that nobody has touched for a while make room before anything is refused.
        taken = int((folder / "memory.current").read_text()) - (_figure(folder / "memory.stat", "inactive_file") or 0)
        return max(0, int(limit) - taken)
    except (OSError, ValueError):
        return None


def _figure(file: Path, name: str) -> int | None:
    """Return the number behind a name, in a file of such lines; None where it is not to be had."""
    try:
        lines = (line.split() for line in file.read_text(encoding="ascii").splitlines())
        return next((int(words[1]) for words in lines if words and words[0] == name), None)
    except (OSError, ValueError, IndexError):
        return None
