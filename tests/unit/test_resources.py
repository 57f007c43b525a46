from pathlib import Path

import pytest

from aisuite import resources


@pytest.mark.parametrize(("name", "file"), [("profiles", "phase2.yaml"), ("templates", "gateway/requirements.in")])
def test_shipped_files_are_found(name: str, file: str) -> None:
    assert (resources.find_data_dir(name) / file).is_file()


def test_files_inside_the_package_come_before_those_of_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "lib/python/aisuite"
    (package / "_data/profiles").mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert resources.find_data_dir("profiles") == package / "_data/profiles"
    assert resources.find_data_dir("templates") == tmp_path / "lib/templates"
