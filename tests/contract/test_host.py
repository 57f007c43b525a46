"""What every host answers: a made-up one and this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aisuite.adapters.host import LocalHost
from aisuite.ports import Host
from tests.fakes.host import FakeHost


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture(params=["fake", "local"])
def host(request: pytest.FixtureRequest, listener: socket.socket) -> Host:
    """Return a machine on which this process listens on the listener's port."""
    return LocalHost() if request.param == "local" else FakeHost({port_of(listener): f"python, pid {os.getpid()}"})


def port_of(listening: socket.socket) -> int:
    return int(listening.getsockname()[1])


def test_the_holder_of_a_port_is_named(host: Host, listener: socket.socket) -> None:
    holder = host.port_holder("127.0.0.1", port_of(listener))
    assert holder is not None
    assert holder.endswith(f", pid {os.getpid()}")


def test_a_port_that_nobody_holds_is_free(host: Host) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = port_of(closed)
    assert host.port_holder("127.0.0.1", port) is None


def test_this_process_lives_and_no_other_one_of_its_number(host: Host) -> None:
    this = host.this_process()
    assert host.lives(this)
    for other in (f"{this}1", this.partition("-")[0], "", "-", "4194304-1", "x-1"):
        assert not host.lives(other)


def test_a_process_that_was_killed_lives_no_more() -> None:
    script = "from aisuite.adapters.host import LocalHost; print(LocalHost().this_process(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = process.stdout.readline().decode().strip()
        assert LocalHost().lives(told)
        process.kill()
    assert not LocalHost().lives(told)


def test_there_is_space_and_at_least_one_core(host: Host, tmp_path: Path) -> None:
    assert host.free_bytes(tmp_path / "not" / "yet" / "there") > 0
    assert host.cpus() >= 1


def test_a_port_with_lingering_connections_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = port_of(listening)
        with socket.create_connection(("127.0.0.1", port)) as client:
            server, _ = listening.accept()
            server.close()  # the side that closes first is the one that lingers
            assert client.recv(1) == b""
    assert LocalHost().port_holder("127.0.0.1", port) is None


@pytest.mark.parametrize("address", ["0.0.0.0", "::1"])
def test_a_port_is_judged_by_the_address_that_shall_be_bound(address: str, listener: socket.socket) -> None:
    taken_everywhere = LocalHost().port_holder(address, port_of(listener)) is not None
    assert taken_everywhere == (address == "0.0.0.0")


def test_an_address_that_this_machine_does_not_have_is_nobodys() -> None:
    assert LocalHost().port_holder("192.0.2.1", 8000) is None


@pytest.mark.process
def test_another_process_is_named_too() -> None:
    script = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        found = LocalHost().port_holder("127.0.0.1", int(holder.stdout.readline()))
        holder.kill()
    assert found is not None
    assert found.endswith(f", pid {holder.pid}")
