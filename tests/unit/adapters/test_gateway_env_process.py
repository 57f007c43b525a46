"""Making the environment, with programs that stand in for uv; and once for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest

from aisuite.adapters.gateway_env import GatewayEnv, environment
from aisuite.errors import DownloadFailed
from aisuite.resources import find_data_dir
from tests.contract.waiting import eventually

pytestmark = pytest.mark.process

START = find_data_dir("templates") / "gateway" / "start_gateway.py"
Told = list[str]
Fake = Callable[[str], Path]

WORKING = """\
if [ "$1" = venv ]; then
  for folder; do case "$folder" in /*gateway*) mkdir -p "$folder/bin" && touch "$folder/bin/python" ;; esac; done
else
  site="$(dirname "$(dirname "$4")")/lib/LIBRARY/site-packages"
  mkdir -p "$site/one-1.dist-info"
  echo "Downloading one (2.0MiB)" >&2; echo " Downloaded one" >&2; echo "Installed 1 package in 1ms" >&2
fi
"""


@pytest.fixture
def fake_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Make a program that is taken for uv; it notes its process id in `pids` first."""

    def install(script: str) -> Path:
        path = tmp_path / "uv"
        path.write_text(
            f'#!/bin/sh\necho $$ >> "{tmp_path}/pids"\n' + script.replace("LIBRARY", environment._library())
        )
        path.chmod(0o755)
        monkeypatch.setattr(environment, "find_uv", lambda _: str(path))
        return tmp_path / "pids"

    return install


@pytest.fixture
def env(tmp_path: Path) -> GatewayEnv:
    return GatewayEnv(tmp_path / "gateway")


def gone(pids: Path) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids.read_text().split())


def folders(env: GatewayEnv) -> list[Path]:
    root = Path(env.program[0]).parents[2]
    return [path for path in root.iterdir() if path.is_dir()]


def test_it_is_made_once_and_tells_how_far_it_is(env: GatewayEnv, fake_uv: Fake) -> None:
    pids = fake_uv(WORKING)
    told: Told = []
    env.run(lambda stage, done, total: told.append(f"{stage} {done}/{total}"))
    assert env.done()
    assert json.loads((Path(env.program[0]).parents[1] / "complete.json").read_text()) == {"packages": 1}
    assert "downloading the gateway's packages, MiB 2/2" in told
    env.run(lambda *_: None)
    assert len(pids.read_text().split()) == 2  # venv and sync, each once


def test_a_failure_of_uv_leaves_nothing(env: GatewayEnv, fake_uv: Fake) -> None:
    fake_uv(WORKING + "echo 'error: Request failed' >&2; echo '  cause: refused' >&2; exit 2")
    with pytest.raises(DownloadFailed, match="Request failed: refused"):
        env.run(lambda *_: None)
    assert folders(env) == []


def test_offline_uv_is_told_so_and_only_then(tmp_path: Path, fake_uv: Fake) -> None:
    fake_uv(f'case "$*" in *--offline*) echo told >> "{tmp_path}/told" ;; esac\n' + WORKING)
    GatewayEnv(tmp_path / "gateway-with").run(lambda *_: None)
    assert not (tmp_path / "told").exists()
    GatewayEnv(tmp_path / "gateway-without", offline=True).run(lambda *_: None)
    assert (tmp_path / "told").read_text() == "told\ntold\n"


def test_a_caller_who_stops_ends_uv_and_leaves_nothing(env: GatewayEnv, fake_uv: Fake) -> None:
    pids = fake_uv(WORKING.replace('echo "Downloading', 'echo "Downloading one (2.0MiB)" >&2; sleep 60; echo "'))

    def stop(stage: str, done: int, total: int) -> None:
        if total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        env.run(stop)
    assert folders(env) == []
    eventually(lambda: gone(pids))


def test_a_uv_that_does_not_listen_is_killed(env: GatewayEnv, fake_uv: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_GRACE", 0.1)
    pids = fake_uv("trap '' TERM; echo ready >&2; while :; do sleep 0.1; done")

    def stop(stage: str, done: int, total: int) -> None:
        if eventually(pids.exists):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        env.run(stop)
    eventually(lambda: gone(pids))


def test_what_an_interrupted_run_left_is_made_anew(env: GatewayEnv, fake_uv: Fake) -> None:
    half = Path(env.program[0]).parents[1] / "lib" / "half-written"
    half.mkdir(parents=True)
    fake_uv(WORKING)
    env.run(lambda *_: None)
    assert env.done()
    assert not half.exists()


def test_the_second_of_two_waits_and_says_so(env: GatewayEnv, fake_uv: Fake, tmp_path: Path) -> None:
    pids = fake_uv(f'while [ ! -e "{tmp_path}/go" ]; do sleep 0.05; done\n' + WORKING)
    first = threading.Thread(target=env.run, args=(lambda *_: None,))
    first.start()
    eventually(pids.exists)
    told: Told = []

    def tell(stage: str, done: int, total: int) -> None:
        told.append(stage)
        (tmp_path / "go").touch()

    GatewayEnv(tmp_path / "gateway").run(tell)
    first.join()
    assert told[0] == "waiting: another aisuite is making the gateway's environment"
    assert env.done()
    assert len(pids.read_text().split()) == 2


def test_a_killed_aisuite_keeps_the_lock_until_its_uv_has_ended(env: GatewayEnv, fake_uv: Fake, tmp_path: Path) -> None:
    slow = f'while [ ! -e "{tmp_path}/go" ]; do sleep 0.05; done\n'
    pids = fake_uv(slow + WORKING)
    code = f"""\
from pathlib import Path
from aisuite.adapters.gateway_env import environment
environment.find_uv = lambda _: {str(tmp_path / "uv")!r}
environment.GatewayEnv(Path({str(tmp_path / "gateway")!r})).run(lambda *_: None)
"""
    killed = subprocess.Popen([sys.executable, "-c", code])
    eventually(pids.exists)
    killed.kill()
    killed.wait()
    told: Told = []

    def tell(stage: str, done: int, total: int) -> None:
        told.append(stage)
        (tmp_path / "go").touch()

    env.run(tell)
    assert told[0].startswith("waiting")
    assert env.done()
    assert len(pids.read_text().split()) == 3  # the orphan, then venv and sync again


def test_the_real_one_starts_the_pinned_litellm() -> None:
    # The one that `aisuite up` uses: it is large, and the same for every project.
    env = GatewayEnv(Path(platformdirs.user_data_dir("aisuite")) / "gateway")
    env.run(lambda *_: None)
    variables = {"PATH": os.environ["PATH"], "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_OFFLINE_MODE": "true"}
    said = subprocess.run(
        [*env.program, str(START), "--version"], env=variables, capture_output=True, text=True, timeout=120, check=True
    )
    assert "1.109.1" in said.stdout
