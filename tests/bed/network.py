"""A network namespace for an engine that is not alone on its machine.

Two engines in one namespace share a bridge and one set of firewall rules, and the later breaks the earlier. What one in
a namespace of its own publishes on 127.0.0.1 can be reached from within only: its clients go in, too.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bed.debian import install_on_machine
from tests.bed.place import BedError, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bed.place import Bed

_NAMED = Path("/run/netns")  # where `ip netns` keeps them
_HERE = Path("/proc/thread-self/ns/net")
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET of sched.h
_MOST = 100


def another_engine_here() -> bool:
    """Whether a Docker Engine runs in this process's own network."""
    here = _HERE.readlink()
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (place / "ns/net").readlink() == here and (place / "comm").read_text().strip() == "dockerd":
                return True
    return False


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let one engine start after the other: each looks whether another one is there."""
    with Path("/run/lock/aisuite-bed").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def create(bed: Bed) -> Path:
    """Make a network of the bed's own, with a way out, and return its namespace. Raises BedError."""
    install_on_machine({"ip": "iproute2"})
    number = _find_number()
    name = _name(number)
    run(["ip", "netns", "add", name])
    bed.network_file.write_text(str(number))
    outside, inside = f"10.202.{number}.1", f"10.202.{number}.2"
    run(["ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name])
    run(["ip", "address", "add", f"{outside}/30", "dev", name])
    run(["ip", "link", "set", name, "up"])
    run(["ip", "-n", name, "address", "add", f"{inside}/30", "dev", "eth0"])
    for device in ("lo", "eth0"):
        run(["ip", "-n", name, "link", "set", device, "up"])
    run(["ip", "-n", name, "route", "add", "default", "via", outside])
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    for table, chain, *rule in _rules(number):
        run(["iptables", "-t", table, "-I", chain, *rule])
    return _NAMED / name


def remove(bed: Bed) -> None:
    """Remove the bed's network with its rules, if it has one; nothing of the bed runs any more."""
    if not bed.network_file.exists():
        return
    number = int(bed.network_file.read_text())
    for table, chain, *rule in _rules(number):
        _try(["iptables", "-t", table, "-D", chain, *rule])
    _try(["ip", "link", "delete", _name(number)])
    _try(["ip", "netns", "delete", _name(number)])
    bed.network_file.unlink()


def find(bed: Bed) -> Path | None:
    """Return the namespace that clients of the bed must enter, or None when they are in the right one."""
    if not bed.network_file.exists():
        return None
    place = _NAMED / _name(int(bed.network_file.read_text()))
    return place if place.exists() and not place.samefile(_HERE) else None


@contextmanager
def entered(namespace: Path | None) -> Iterator[None]:
    """Put this thread, and the threads and processes that it starts, into a namespace; None: into none."""
    if namespace is None:
        yield
        return
    with _HERE.open() as before, namespace.open() as within:
        _enter(within.fileno())
        try:
            yield
        finally:
            _enter(before.fileno())


def _enter(namespace: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(namespace, _NEW_NETWORK) != 0:
        raise BedError(f"cannot enter the network of the bed: {os.strerror(ctypes.get_errno())}")


def _find_number() -> int:
    devices = {name for _, name in socket.if_nameindex()}
    for number in range(_MOST):
        if _name(number) not in devices and not (_NAMED / _name(number)).exists():
            return number
    raise BedError(f"{_MOST} networks of beds are there already", "tests/bed/bed down, for each folder of one")


def _name(number: int) -> str:
    return f"aisuite-bed{number}"


def _rules(number: int) -> tuple[tuple[str, ...], ...]:
    """Return what lets the network out: an engine next door drops by default what it did not ask for."""
    device = _name(number)
    return (
        ("nat", "POSTROUTING", "-s", f"10.202.{number}.0/30", "-j", "MASQUERADE"),
        ("filter", "FORWARD", "-i", device, "-j", "ACCEPT"),
        ("filter", "FORWARD", "-o", device, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"),
    )


def _try(argv: list[str]) -> None:
    """Remove what may be gone already: after a crash of the machine, most of it is."""
    with suppress(BedError):
        run(argv)
