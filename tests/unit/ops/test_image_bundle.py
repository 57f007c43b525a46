"""A bundle: everything or nothing, and nothing that is not what was saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aisuite.adapters.shared_folder import SharedFolder
from aisuite.errors import DownloadFailed
from aisuite.ops.image_bundle import MANIFEST, load_images, save_images
from aisuite.ops.images import NeededImage
from aisuite.ports import LocalImage
from tests.fakes.images import FakeImages, hashed

if TYPE_CHECKING:
    from aisuite.ports import Progress

A, B = "ghcr.io/x/a:1", "aisuite/service:0.1.0"
NEEDED = (NeededImage(A, ("a",), built=False), NeededImage(B, ("b",), built=True))


def full() -> FakeImages:
    return FakeImages(here={A: LocalImage("1", 10, hashed("a")), B: LocalImage("2", 20, None)})


def silent(_reference: str) -> Progress:
    return lambda stage, done, total: None


def saved(folder: Path) -> SharedFolder:
    bundle = SharedFolder(folder / "bundle")
    save_images(NEEDED, full(), bundle, progress_for=silent)
    return bundle


def refused(bundle: SharedFolder) -> str:
    """Return why a bundle is not loaded; no image of it may be."""
    images = FakeImages()
    with pytest.raises(DownloadFailed) as caught:
        load_images(images, bundle, progress_for=silent)
    assert images.here == {}
    assert caught.value.hint
    return caught.value.message


def test_what_is_saved_here_is_loaded_there(tmp_path: Path) -> None:
    bundle = saved(tmp_path)
    names = {path.name for path in bundle.path.iterdir()}
    assert names == {MANIFEST, "ghcr.io-x-a-1.tar", "aisuite-service-0.1.0.tar"}
    there = FakeImages()
    report = load_images(there, bundle, progress_for=silent)
    assert report.loaded == (A, B)
    assert {name: image.id for name, image in there.here.items()} == {A: "1", B: "2"}


def test_the_manifest_has_the_checksum_and_the_size_of_every_file(tmp_path: Path) -> None:
    bundle = SharedFolder(tmp_path)
    report = save_images(NEEDED, full(), bundle, progress_for=silent)
    written = json.loads((tmp_path / MANIFEST).read_text())
    assert [one["sha256"] for one in written["images"]] == [one.sha256 for one in report.images]
    assert [one["bytes"] for one in written["images"]] == [
        (tmp_path / one.file).stat().st_size for one in report.images
    ]


def test_a_pinned_image_is_saved_by_its_tag(tmp_path: Path) -> None:
    pinned = (NeededImage(f"{A}@{hashed('a')}", ("a",), built=False),)
    assert save_images(pinned, full(), SharedFolder(tmp_path), progress_for=silent).images[0].reference == A


def test_nothing_is_written_when_an_image_is_not_here(tmp_path: Path) -> None:
    images = full()
    del images.here[A]
    with pytest.raises(DownloadFailed, match=A):
        save_images(NEEDED, images, SharedFolder(tmp_path / "bundle"), progress_for=silent)
    assert list(tmp_path.iterdir()) == []


def test_one_changed_byte_keeps_all_images_out(tmp_path: Path) -> None:
    bundle = saved(tmp_path)
    with (bundle.path / "aisuite-service-0.1.0.tar").open("ab") as file:
        file.write(b"!")
    assert "aisuite-service-0.1.0.tar is not what was saved" in refused(bundle)


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    bundle = saved(tmp_path)
    (bundle.path / "ghcr.io-x-a-1.tar").unlink()
    assert "ghcr.io-x-a-1.tar" in refused(bundle)


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    assert "not a bundle, or one that was not finished" in refused(SharedFolder(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", pytest.param("[" * 100_000, id="deep"), '{"schema": "aisuite.images-bundle/1"}', "\x00", "[[[["],
)
def test_a_manifest_that_cannot_be_read_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(text)
    assert MANIFEST in refused(SharedFolder(tmp_path))


@pytest.mark.parametrize("file", ["../x.tar", "/etc/x.tar", "a/b.tar", "", ".tar", "x", None, 7])
def test_a_manifest_cannot_name_a_file_elsewhere(file: Any, tmp_path: Path) -> None:
    bundle = saved(tmp_path)
    document = json.loads((bundle.path / MANIFEST).read_text())
    document["images"][0]["file"] = file
    bundle.write(MANIFEST, json.dumps(document))
    assert "does not lie beside it" in refused(bundle)
