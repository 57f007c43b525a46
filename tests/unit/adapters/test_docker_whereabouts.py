"""An engine on another machine: which ports and files of ours it could not serve, and how it is reached."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aisuite.adapters.docker_engine.whereabouts import bound_paths, check_ports, is_same
from aisuite.adapters.docker_ssh import ssh_command
from aisuite.errors import EngineUnavailable

_GO_FOLDER = 1 << 31


def body(host: str = "127.0.0.1", *binds: str) -> dict[str, Any]:
    mounts = [{"Type": "bind", "Source": path} for path in binds]
    bindings = {"8000/tcp": [{"HostIp": host, "HostPort": "8000"}]}
    return {"HostConfig": {"PortBindings": bindings, "Mounts": [*mounts, {"Type": "volume", "Source": "kept"}]}}


def seen(path: Path, **other: Any) -> dict[str, Any]:
    """Return what an engine that shares the path tells of it."""
    found = path.stat()
    mode = _GO_FOLDER | 0o755 if stat.S_ISDIR(found.st_mode) else 0o644
    mtime = datetime.fromtimestamp(found.st_mtime, UTC).isoformat()
    return {"name": "aisuite-sees", "mode": mode, "size": found.st_size, "mtime": mtime, **other}


@pytest.mark.parametrize("published", ["127.0.0.1", "::1", "0.0.0.0", "::"])
def test_a_port_that_only_the_other_machine_reaches_is_refused_with_what_to_do(published: str) -> None:
    with pytest.raises(EngineUnavailable, match="Docker runs on box: api-gateway would listen on") as raised:
        check_ports("tcp://box:2376", {"api-gateway": body(published)})
    assert str(raised.value.hint).startswith("run aisuite there: ssh box")


@pytest.mark.parametrize(
    ("address", "published"),
    [("ssh://me@box", "10.0.0.2"), ("tcp://127.0.0.1:2375", "127.0.0.1"), ("ssh://localhost", "127.0.0.1")],
)
def test_a_port_that_this_machine_reaches_is_fine(address: str, published: str) -> None:
    check_ports(address, {"api-gateway": body(published)})


def test_every_path_of_the_host_is_looked_at_once() -> None:
    bodies = [body("127.0.0.1", "/srv/models", "/srv/key"), body("127.0.0.1", "/srv/key")]
    assert bound_paths(bodies) == ("/srv/models", "/srv/key")


def test_what_two_machines_share_is_the_same(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("secret")
    assert is_same(tmp_path.stat(), seen(tmp_path))
    assert is_same(file.stat(), seen(file))


@pytest.mark.parametrize("other", [{"size": 7}, {"mtime": "2001-01-01T00:00:00Z"}, {"mode": _GO_FOLDER | 0o755}])
def test_a_file_of_another_size_age_or_kind_is_another_one(tmp_path: Path, other: dict[str, Any]) -> None:
    file = tmp_path / "key"
    file.write_text("secret")
    assert not is_same(file.stat(), seen(file, **other))


def test_a_folder_has_the_size_that_its_file_system_gives_it(tmp_path: Path) -> None:
    assert is_same(tmp_path.stat(), seen(tmp_path, size=1))


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("ssh://box", "-o ConnectTimeout=30 -T -- box"),
        ("ssh://me@box:2222", "-l me -p 2222 -o ConnectTimeout=30 -T -- box"),
        ("ssh://-oProxyCommand=x", "-o ConnectTimeout=30 -T -- -oproxycommand=x"),
    ],
)
def test_ssh_is_asked_for_the_engine_of_a_place_and_takes_no_option_from_it(url: str, place: str) -> None:
    assert ssh_command(url) == ["ssh", *place.split(), "docker system dial-stdio"]
