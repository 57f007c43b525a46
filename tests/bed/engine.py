"""A Docker Engine of one's own: unpacked from packages, started, stopped without a trace."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bed import network
from tests.bed.debian import Packages, install_on_machine
from tests.bed.place import BedError, run

if TYPE_CHECKING:
    from tests.bed.place import Bed

# Debian 12 itself has Engine 20.10, the oldest that we support; the programs of sid run on its C library too.
_ENGINES = {
    "current": {"sid": ("docker.io", "containerd", "tini-static")},
    "oldest": {"bookworm": ("docker.io", "containerd", "tini")},
}
_CLIENTS = {"sid": ("docker-cli", "docker-compose", "docker-buildx")}
# The runc of later suites asks for a newer C library; dockerd drives the machine's iptables.
_FROM_MACHINE = {"runc": "runc", "iptables": "iptables"}
# Docker's own choice, 172.17.0.0/16 and up, is often a network that the machine is already in.
_NETWORKS = ("--bip", "10.200.0.1/24", "--default-address-pool", "base=10.201.0.0/16,size=24")
_START = 60.0  # seconds; usually 1, but after a crash it first stops the containers that outlived it
_STOP = 40.0  # seconds; dockerd gives containers 15 of them


def install(bed: Bed) -> None:
    """Unpack the engine where it is not there yet."""
    install_on_machine(_FROM_MACHINE)
    if not bed.programs.is_dir():
        fresh = bed.programs.with_name("engine.new")
        shutil.rmtree(fresh, ignore_errors=True)
        for packages in (_ENGINES[bed.engine], _CLIENTS):
            for suite, names in packages.items():
                Packages(suite, bed.root / "apt").unpack(names, fresh)
        fresh.replace(bed.programs)
    plugins = bed.config / "cli-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    for program in (bed.programs / "usr/libexec/docker/cli-plugins").iterdir():
        link = plugins / program.name
        if not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(program)


def version(bed: Bed) -> str | None:
    """Return the running engine's version, or None when none answers."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(bed.socket))
            client.sendall(b"GET /version HTTP/1.0\r\nHost: docker\r\n\r\n")
            with client.makefile("rb") as answer:
                return str(json.loads(answer.read().partition(b"\r\n\r\n")[2])["Version"])
    except (OSError, ValueError, LookupError):
        return None


def start(bed: Bed) -> None:
    """Start the engine unless it runs, beside another one in a network of its own. Raises BedError."""
    if version(bed) is not None:
        return
    bed.pid_file.unlink(missing_ok=True)  # of a machine that was switched off
    network.remove(bed)
    with network.one_at_a_time():
        _start(bed)


def _start(bed: Bed) -> None:
    # `ip netns exec` would mount another /sys, without the control groups.
    argv = ["nsenter", f"--net={network.create(bed)}"] if network.another_engine_here() else []
    argv += [str(bed.programs / "usr/sbin/dockerd"), "--host", f"unix://{bed.socket}"]
    argv += ["--data-root", str(bed.root / "data"), "--exec-root", str(bed.root / "exec")]
    argv += ["--pidfile", str(bed.pid_file), "--log-level", "warn", *_NETWORKS]
    with bed.log.open("wb") as log:
        process = subprocess.Popen(
            argv,
            env=bed.daemon_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START
    while version(bed) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()  # containerd dies with it
            _unmount(bed)
            network.remove(bed)
            last = "\n".join(bed.log.read_text(errors="replace").splitlines()[-8:])
            raise BedError(f"the Docker Engine does not start; {bed.log} ends with:\n{last}")
        time.sleep(0.05)
    process.returncode = 0  # the engine outlives this process on purpose; else Popen would warn about it


def stop(bed: Bed) -> None:
    """Remove what the engine runs, end it, and leave no process and no mount; images stay."""
    if version(bed) is None and _processes_of(bed):
        start(bed)  # it was killed: only an engine can end the containers that outlived it
    if version(bed) is not None:
        _remove_everything_but_images(bed)
    pid = _engine_pid(bed)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        _wait_for_end(pid)
    for leftover in _processes_of(bed):
        os.kill(leftover, signal.SIGKILL)
    _unmount(bed)
    network.remove(bed)
    bed.socket.unlink(missing_ok=True)


def _remove_everything_but_images(bed: Bed) -> None:
    """A container with a restart policy would come back at the next `up`."""
    containers = bed.docker("ps", "--all", "--quiet").split()
    if containers:
        bed.docker("rm", "--force", "--volumes", *containers)
    bed.docker("network", "prune", "--force")
    volumes = bed.docker("volume", "ls", "--quiet").split()
    if volumes:
        bed.docker("volume", "rm", "--force", *volumes)


def _engine_pid(bed: Bed) -> int | None:
    with suppress(OSError, ValueError):
        pid = int(bed.pid_file.read_text())
        if Path(f"/proc/{pid}/comm").read_text().strip() == "dockerd":
            return pid
    return None


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + _STOP
    while _state(pid) not in {None, "Z"}:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _state(pid: int) -> str | None:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return None


def _processes_of(bed: Bed) -> list[int]:
    """Return the processes that run the bed's own programs: containerd and its shims."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (place / "exe").readlink().is_relative_to(bed.programs / "usr"):
                found.append(int(place.name))
    return found


def _unmount(bed: Bed) -> None:
    """Undo every mount below the bed, the innermost first."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in sorted((one for one in points if Path(one).is_relative_to(bed.root)), key=len, reverse=True):
        run(["umount", "--lazy", point])
