"""What `aisuite eject` leaves runs with Docker Compose alone, wherever the folder is moved to."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import openai
import pytest

from tests.e2e.suite import CHAT_SAYS, Suite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bed.place import Bed

pytestmark = pytest.mark.docker

PROJECT = "ejected-suite"


def _compose(bed: Bed, folder: Path, *words: str) -> str:
    argv = bed.docker_argv("compose", *words)
    ran = subprocess.run(
        argv, cwd=folder, env=bed.variables(), capture_output=True, text=True, timeout=180, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture
def ejected(docker_bed: Bed, tmp_path: Path) -> Iterator[tuple[Suite, Path]]:
    """An ejected folder that was moved, brought up by Compose."""
    suite = Suite(tmp_path / "here")
    suite.env |= docker_bed.variables()
    suite.folder.mkdir()
    ran = suite.run("eject", "out", "--demo", "--phase", "1", "--project", PROJECT)
    assert ran.code == 0, ran.err
    folder = (suite.folder / "out").rename(tmp_path / "moved")
    try:
        _compose(docker_bed, folder, "up", "--detach", "--wait", "--pull", "never")
        yield suite, folder
    finally:
        _compose(docker_bed, folder, "down", "--volumes", "--remove-orphans")


def test_an_ejected_folder_comes_up_with_compose_alone_and_answers(ejected: tuple[Suite, Path]) -> None:
    suite, folder = ejected
    url = f"http://127.0.0.1:{suite.ports['API_GATEWAY_PORT']}/v1"
    with openai.OpenAI(base_url=url, api_key=(folder / "secrets" / "gateway_key").read_text()) as client:
        answer = client.chat.completions.create(model="chat-7b", messages=[{"role": "user", "content": "hi"}])
    assert CHAT_SAYS in str(answer.choices[0].message.content)
    assert not suite.state.exists()
