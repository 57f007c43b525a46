"""Only folders that a rendered description names are data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aisuite.adapters.service_folders import ServiceFolders
from aisuite.errors import StateUnwritable


def _describe(folder: Path, name: str, data: object) -> None:
    place = folder / "process" / "services"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.json").write_text(json.dumps({"name": name, "data": data}))


def test_the_folders_that_are_there_are_found_and_removed(tmp_path: Path) -> None:
    kept, other = tmp_path / "elsewhere" / "qdrant", tmp_path / "data" / "demo-models"
    for one in (kept / "inside", other):
        one.mkdir(parents=True)
    _describe(tmp_path, "qdrant", str(kept))
    _describe(tmp_path, "rag", None)
    _describe(tmp_path, "gone", str(tmp_path / "nowhere"))
    folders = ServiceFolders(tmp_path)
    assert folders.find() == (str(kept),)
    folders.remove(str(kept))
    folders.remove(str(kept))
    assert (folders.find(), kept.exists(), other.exists()) == ((), False, True)


@pytest.mark.parametrize("data", ["data/qdrant", 7, {"a": "/"}])
def test_what_is_not_as_we_write_it_names_no_folder(tmp_path: Path, data: object) -> None:
    (tmp_path / "data" / "qdrant").mkdir(parents=True)
    _describe(tmp_path, "qdrant", data)
    (tmp_path / "process" / "services" / "broken.json").write_text("{")
    assert ServiceFolders(tmp_path).find() == ()


def test_a_project_that_was_never_started_has_none(tmp_path: Path) -> None:
    assert ServiceFolders(tmp_path / "nowhere").find() == ()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(StateUnwritable, match="link"):
        ServiceFolders(tmp_path).remove(str(tmp_path / "link"))
    assert (tmp_path / "real").is_dir()
