"""Every shipped profile's Compose file is one that `docker compose` itself takes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.bed.place import Bed

pytestmark = pytest.mark.docker
GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*/docker/compose.yaml"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.parents[1].name)
def test_compose_takes_the_file(docker_environment: Bed, path: Path) -> None:
    command = ["docker", "compose", "-f", path, "config", "--quiet"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
