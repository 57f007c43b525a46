"""The pinned LiteLLM takes our configuration: every server, and no key that it would ignore."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import platformdirs
import pytest

from aisuite.adapters.gateway_env import GatewayEnv
from aisuite.stack.model import EngineName
from aisuite.stack.resolve import resolve
from tests.fakes.profiles import make_renderer, make_site, shipped

pytestmark = pytest.mark.process

IGNORED = ("is not a valid argument", "Error creating deployment", "Traceback")


@pytest.fixture(scope="module")
def gateway() -> GatewayEnv:
    # The one that `aisuite up` uses: it is large, and the same for every project.
    environment = GatewayEnv(Path(platformdirs.user_data_dir("aisuite")) / "gateway")
    if not environment.done():
        environment.run(lambda stage, done, total: None)
    return environment


@pytest.mark.parametrize(("profile", "engine", "servers"), [("phase1", "process", 1), ("phase2", "docker", 4)])
def test_every_server_of_a_rendered_configuration_is_taken(
    profile: str, engine: EngineName, servers: int, gateway: GatewayEnv, tmp_path: Path
) -> None:
    stack = resolve(shipped(profile), profile, make_site(engine))
    service = stack.service("api-gateway")
    config = tmp_path / "config.yaml"
    files = make_renderer().render(stack)
    for name in service.config_files:
        place = config if name.endswith(".yaml") else tmp_path / Path(name).name
        place.write_text(files[name])
    secrets = {str(use.variable): "sk-" + "0123456789abcdef" * 4 for use in service.secrets}
    said = subprocess.run(
        [*gateway.program, str(tmp_path / "start_gateway.py"), "--config", str(config), "--validate_config"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **dict(service.environment), **secrets},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    output = said.stdout + said.stderr
    assert said.returncode == 0, output
    assert f"config OK ({servers} models)" in output
    assert [line for line in output.splitlines() if any(words in line for words in IGNORED)] == []
