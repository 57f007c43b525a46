"""The wheel holds exactly the tracked templates and profiles."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as a user's installer would."""
    out = tmp_path_factory.mktemp("dist")
    uv = Path(sys.executable).with_name("uv")
    constraints = ROOT / "locks" / "build.txt"
    subprocess.run(
        [uv, "build", "-q", "--wheel", "--build-constraints", constraints, "--out-dir", out, ROOT],
        check=True,
        capture_output=True,
    )
    return next(out.glob("*.whl"))


def _tracked(folder: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(listed.stdout.split())


@pytest.mark.process
def test_the_wheel_holds_exactly_the_tracked_templates_and_profiles(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name.removeprefix("aisuite/_data/") for name in archive.namelist() if "/_data/" in name}
    assert packed == _tracked("templates") | _tracked("profiles")


@pytest.mark.process
def test_an_installed_wheel_finds_its_data(wheel: Path, tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    target = tmp_path / "site"
    subprocess.run([uv, "pip", "install", "-q", "--no-deps", "--target", target, wheel], check=True)
    code = (
        "from aisuite.resources import find_data_dir as f; print(f('templates'), (f('profiles')/'demo.yaml').is_file())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == [str(target / "aisuite" / "_data" / "templates"), "True"]
