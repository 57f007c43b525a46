from __future__ import annotations

import json
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from aisuite.adapters.gateway_env import GatewayEnv, environment
from aisuite.adapters.gateway_env.uv_output import Watch, failure
from aisuite.errors import DiskFull, DownloadFailed, StateUnwritable

Told = list[tuple[str, int, int]]


def say_nothing(stage: str, done: int, total: int) -> None:
    pass


def complete(env: GatewayEnv, packages: int = 2) -> Path:
    """Lay down by hand what a finished environment has; return its folder."""
    python, _ = env.program
    folder = Path(python).parents[1]
    site = folder / "lib" / Path(environment._library()) / "site-packages"
    for number in range(packages):
        (site / f"p{number}-1.dist-info").mkdir(parents=True)
    Path(python).parent.mkdir(parents=True)
    Path(python).touch()
    (folder / "complete.json").write_text(json.dumps({"packages": packages}))
    return folder


def test_the_program_is_known_before_the_environment_exists(tmp_path: Path) -> None:
    env = GatewayEnv(tmp_path)
    python, isolated = env.program
    assert Path(python).parents[2] == tmp_path
    assert isolated == "-I"
    assert env.find() is None
    assert not env.done()


def test_a_complete_environment_is_found(tmp_path: Path) -> None:
    env = GatewayEnv(tmp_path)
    complete(env)
    assert env.find() == Path(env.program[0])


@pytest.mark.parametrize("lost", ["complete.json", "bin/python", "lib/*/site-packages/p1-1.dist-info"])
def test_an_environment_that_lost_a_part_does_not_count(lost: str, tmp_path: Path) -> None:
    env = GatewayEnv(tmp_path)
    (path,) = complete(env).glob(lost)
    path.rmdir() if path.is_dir() else path.unlink()
    assert not env.done()


@pytest.mark.parametrize("text", ["", "[]", "{}", "\x00", '{"packages": 3}'])
def test_a_damaged_marker_does_not_count(text: str, tmp_path: Path) -> None:
    env = GatewayEnv(tmp_path)
    (complete(env) / "complete.json").write_text(text)
    assert not env.done()


def test_a_vanished_interpreter_does_not_count(tmp_path: Path) -> None:
    env = GatewayEnv(tmp_path)
    complete(env)
    python = Path(env.program[0])
    python.unlink()
    python.symlink_to(tmp_path / "python-that-was-removed")
    assert not env.done()


def test_another_lock_makes_another_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = GatewayEnv(tmp_path / "root")
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "requirements.txt").write_text("litellm==9\n")
    monkeypatch.setattr(environment, "find_data_dir", lambda name: tmp_path)
    other = GatewayEnv(tmp_path / "root")
    assert other.program != here.program
    assert other.find_old() == ()
    old = complete(here)
    complete(other)
    assert other.find_old() == (old,)


def test_too_little_space_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**10, 10**10, 5 * 10**8))
    with pytest.raises(DiskFull, match=r"needs 1000 MB below .*, 500 MB are free"):
        GatewayEnv(tmp_path).run(say_nothing)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_root_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateUnwritable, match="file/root"):
        GatewayEnv(tmp_path / "file" / "root").run(say_nothing)


def test_downloads_are_told_in_mib_and_modules_in_files(tmp_path: Path) -> None:
    told: Told = []
    watch = Watch(lambda *event: told.append(event), tmp_path)
    for name in ("a.py", "b.py", "b.pyc"):
        (tmp_path / name).touch()
    for line in (
        "Resolved 118 packages in 397ms",
        "Downloading litellm (39.2MiB)",
        "Downloading hf-xet (512.0KiB)",
        " Downloaded litellm",
        None,
        "Installed 118 packages in 303ms",
        " + aiohttp==3.14.5",
        None,
    ):
        watch.see(line)
    assert list(dict.fromkeys(told)) == [
        ("downloading the gateway's packages, MiB", 0, 39),
        ("downloading the gateway's packages, MiB", 0, 40),
        ("downloading the gateway's packages, MiB", 39, 40),
        ("compiling the gateway's modules", 1, 2),
    ]


def test_silence_is_told_too_so_that_a_caller_can_stop_there(tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(stage: str, done: int, total: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        Watch(stop, tmp_path).see(None)


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (
            ["Using Python", "error: Request failed after 3 retries", "  cause: Failed to fetch", "  cause: refused"],
            DownloadFailed,
            "could not be installed: Request failed after 3 retries: refused",
        ),
        (["error: Hash mismatch for `litellm`", "", "Computed:", "  sha256:0"], DownloadFailed, "Hash mismatch for"),
        (["error: Failed to install", "  cause: No space left on device (os error 28)"], DiskFull, "the disk is full"),
        (["panicked at src/main.rs"], DownloadFailed, "panicked at"),
        ([], DownloadFailed, "uv said nothing"),
    ],
)
def test_what_uv_says_last_is_passed_on(said: list[str], kind: type[Exception], message: str) -> None:
    told = failure(said)
    assert type(told) is kind
    assert message in str(told)
    assert told.hint


def test_without_a_network_the_hint_is_to_run_it_once_with_one() -> None:
    told = failure(["error: the network was disabled"], offline=True)
    assert told.hint == "once with a network: aisuite up"
