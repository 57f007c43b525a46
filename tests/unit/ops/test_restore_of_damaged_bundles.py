"""A damaged or forged bundle is refused before a restore touches anything."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from random import Random

import pytest

from aisuite.bundle import JOURNAL
from aisuite.errors import DataError
from tests.fakes.damage import WAYS, Way, damage_bundle, sealed
from tests.unit.ops.restore_rig import Project, make_project

pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = make_project(tmp_path / "suite")
    project.take()
    project.change()
    shutil.copytree(project.shelf.path, tmp_path / "whole")
    return project


def check_refused(project: Project) -> None:
    """Try to restore, and compare everything with what it was."""
    (bundle,) = project.shelf.list()
    before, calls = project.content(), list(project.engine.calls)
    with pytest.raises(DataError) as refused:
        project.restore(bundle)
    assert refused.value.exit_code == 7
    assert project.content() == before
    assert project.leftovers() == []
    assert (project.engine.calls, project.shelf.list()) == (calls, (bundle,))
    assert not (project.folder / JOURNAL).exists()


def mend(project: Project) -> None:
    """Lay the whole bundle on the shelf again."""
    shutil.rmtree(project.shelf.path)
    shutil.copytree(project.folder.parent / "whole", project.shelf.path)


@pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
def test_a_restore_of_a_damaged_bundle_touches_nothing(project: Project, way: Way) -> None:
    for seed in range(2):
        mend(project)
        way(project.shelf.path / project.shelf.list()[0], Random(seed))
        check_refused(project)


def test_a_restore_of_a_newer_aisuites_bundle_touches_nothing(project: Project) -> None:
    manifest = project.shelf.path / project.shelf.list()[0] / "manifest.json"
    told = json.loads(manifest.read_text())["manifest"]
    manifest.write_text(sealed(told | {"format": told["format"] + 1, "something": {"new": True}}))
    check_refused(project)


@pytest.mark.soak
def test_a_thousand_restores_of_damaged_bundles_touch_nothing(project: Project) -> None:
    for seed in range(1000):
        mend(project)
        damage_bundle(project.shelf, project.shelf.list()[0], seed)
        check_refused(project)
