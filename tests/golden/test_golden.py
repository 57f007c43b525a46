"""Every shipped profile on every engine, as files a review can read: `pytest tests/golden --update-golden`.

`two-cards` is phase2 as the planner places it where no card of two has room for both models.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aisuite.stack.model import EngineName
from aisuite.stack.resolve import resolve
from tests.fakes.placed import two_cards
from tests.fakes.profiles import ENGINES, SHIPPED, make_renderer, make_site, shipped

HERE = Path(__file__).parent
RENDERER = make_renderer()
PLACED = "two-cards"


def render(name: str, engine: EngineName) -> dict[str, str]:
    profile = two_cards() if name == PLACED else shipped(name)
    files = RENDERER.render(resolve(profile, name, make_site(engine)))
    # Programs take no values: they are the same for every profile, and reviewed where they lie.
    return {name: text for name, text in files.items() if not name.endswith(".py")}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("profile", [*SHIPPED, PLACED])
def test_a_profile_gives_the_files_that_were_reviewed(profile: str, engine: EngineName, update_golden: bool) -> None:
    folder, files = HERE / profile / engine, render(profile, engine)
    if update_golden:
        shutil.rmtree(folder, ignore_errors=True)
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    reviewed = {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()
    }
    assert files == reviewed


def test_no_golden_folder_is_left_of_a_profile_that_is_gone() -> None:
    assert sorted(path.name for path in HERE.iterdir() if path.is_dir() and path.name != "__pycache__") == sorted(
        [*SHIPPED, PLACED]
    )


@pytest.mark.parametrize("profile", SHIPPED)
def test_the_settings_file_is_the_same_for_every_engine(profile: str) -> None:
    first, second = (render(profile, engine)[".env"] for engine in ENGINES)
    assert first == second
