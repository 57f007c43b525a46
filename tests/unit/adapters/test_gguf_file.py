from __future__ import annotations

import os
import stat
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from aisuite.adapters.gguf_file import GgufFiles
from aisuite.errors import ModelBroken, ModelMissing
from tests.fakes.gguf_writer import Gguf, Typed, transformer

U16 = 2


@pytest.fixture
def files(tmp_path: Path) -> GgufFiles:
    return GgufFiles(tmp_path / "cache")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(transformer(layers=2).file())
    return path


def entry(model: Path) -> Path:
    (found,) = (model.parent / "cache").iterdir()
    return found


def broken(files: GgufFiles, path: Path) -> ModelBroken:
    with pytest.raises(ModelBroken) as caught:
        files.shape(path)
    assert str(path) in caught.value.message
    return caught.value


def test_a_shape_is_the_same_from_the_file_and_from_memory(files: GgufFiles, model: Path) -> None:
    first = files.shape(model)
    # Same size, same times, another content: only what was kept can give the old answer.
    before = model.stat()
    model.write_bytes(model.read_bytes().replace(b"tiny", b"TINY"))
    os.utime(model, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert files.shape(model) == first
    assert first.name == "tiny"


def test_a_changed_file_is_read_again(files: GgufFiles, model: Path) -> None:
    files.shape(model)
    model.write_bytes(transformer(layers=3).file())
    assert files.shape(model).layers == 3


def test_what_is_kept_is_for_its_owner_alone(files: GgufFiles, model: Path) -> None:
    files.shape(model)
    assert stat.S_IMODE(entry(model).stat().st_mode) == 0o600
    assert stat.S_IMODE(entry(model).parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"{}", b"[" * 100_000])
def test_a_damaged_memory_is_read_anew_and_mended(files: GgufFiles, model: Path, damage: bytes) -> None:
    first = files.shape(model)
    good = entry(model).read_bytes()
    digest = sha256(damage).hexdigest().encode()
    for content in (damage, digest + b"\n" + damage, good[:-1], good.replace(b'"layers":2', b'"layers":9')):
        entry(model).write_bytes(content)
        assert files.shape(model) == first
        assert entry(model).read_bytes() == good


def test_without_a_place_to_remember_headers_are_read_each_time(model: Path) -> None:
    occupied = model.with_name("cache")
    occupied.write_text("not a folder")
    assert GgufFiles(occupied).shape(model).layers == 2


def parts(folder: Path) -> Path:
    whole = transformer(layers=2)
    split = {"split.count": Typed(U16, 2), "split.tensors.count": Typed(5, len(whole.tensors))}
    halves = ({**whole.metadata, **split, "split.no": Typed(U16, 0)}, {**split, "split.no": Typed(U16, 1)})
    for number, metadata in enumerate(halves):
        tensors = whole.tensors[:8] if number == 0 else whole.tensors[8:]
        (folder / f"big-{number + 1:05d}-of-00002.gguf").write_bytes(Gguf(metadata, tensors).file())
    return folder / "big-00001-of-00002.gguf"


def test_a_split_model_has_the_shape_of_the_whole(files: GgufFiles, tmp_path: Path, model: Path) -> None:
    first = parts(tmp_path)
    shape, whole = files.shape(first), files.shape(model)
    assert [(one.name, one.bytes) for one in shape.tensors] == [(one.name, one.bytes) for one in whole.tensors]
    assert {one.part for one in shape.tensors} == {0, 1}
    assert shape.file_bytes == sum(one.stat().st_size for one in tmp_path.glob("big-*"))


def test_a_change_of_a_later_part_is_seen(files: GgufFiles, tmp_path: Path) -> None:
    first = parts(tmp_path)
    files.shape(first)
    (tmp_path / "big-00002-of-00002.gguf").write_bytes(b"GGUF")
    assert "the file ends" in broken(files, first).message


def test_every_missing_part_is_named_with_the_command_that_fetches_it(files: GgufFiles, tmp_path: Path) -> None:
    first = parts(tmp_path)
    second = tmp_path / "big-00002-of-00002.gguf"
    second.unlink()
    with pytest.raises(ModelMissing) as caught:
        files.shape(first)
    assert caught.value.missing == (second,)
    assert caught.value.hint == "aisuite models pull"


def test_a_file_that_is_no_model_is_refused_with_its_place(files: GgufFiles, tmp_path: Path) -> None:
    path = tmp_path / "page.gguf"
    path.write_text("<!doctype html>")
    failure = broken(files, path)
    assert "no GGUF file" in failure.message
    assert failure.hint is not None
    assert failure.hint.startswith("aisuite models pull --force")


def test_a_sound_file_that_cannot_be_planned_is_not_called_damaged(files: GgufFiles, tmp_path: Path) -> None:
    path = tmp_path / "mamba.gguf"
    path.write_bytes(transformer("mamba", **{"ssm.state_size": 16}).file())
    failure = broken(files, path)
    assert "cannot be planned: mamba" in failure.message
    assert "pull" not in (failure.hint or "")


def test_a_folder_or_a_pipe_is_no_model(files: GgufFiles, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.gguf"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe):
        assert "is no file" in broken(files, path).message


def test_a_name_that_promises_too_many_parts_is_refused(files: GgufFiles, tmp_path: Path) -> None:
    path = tmp_path / "m-00001-of-99999.gguf"
    assert "99999 parts" in broken(files, path).message


def test_two_models_do_not_share_a_memory(files: GgufFiles, model: Path) -> None:
    other = model.with_name("other.gguf")
    other.write_bytes(replace(transformer(layers=4)).file())
    assert (files.shape(model).layers, files.shape(other).layers, files.shape(model).layers) == (2, 4, 2)
