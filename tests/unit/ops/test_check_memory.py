"""A model that its container cannot hold is refused before anything starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aisuite.errors import ProfileInvalid
from aisuite.ops.checks import check_memory
from aisuite.stack.model import ModelFile, Stack
from aisuite.units import Mib
from tests.fakes.stacks import make_service, make_stack


def stack_with(folder: Path, size: int, memory: int | None, *, gpu: bool = False) -> Stack:
    """Return a stack of one model server, with a (sparse) model file of `size` MiB."""
    path = folder / "code.gguf"
    with path.open("wb") as file:
        file.truncate(size * 2**20)
    model = ModelFile("code", "inference-code", path, "a/b", path.name, "main", None, None)
    limit = None if memory is None else Mib(memory)
    return make_stack(replace(make_service("inference-code", 8001), memory=limit, gpu=gpu), models=(model,))


def test_a_model_that_its_container_cannot_hold_is_refused_with_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(ProfileInvalid, match=r"models\.code\.memory: 7680MiB of code\.gguf .* at least 8704MiB"):
        check_memory(stack_with(tmp_path, 7680, 8192))


@pytest.mark.parametrize(("size", "memory", "gpu"), [(7168, 8192, False), (9000, None, False), (9000, 8192, True)])
def test_one_that_fits_or_has_no_limit_or_goes_to_the_card_is_not(
    size: int, memory: int | None, gpu: bool, tmp_path: Path
) -> None:
    check_memory(stack_with(tmp_path, size, memory, gpu=gpu))


def test_a_file_that_is_not_there_yet_is_nobodys_burden(tmp_path: Path) -> None:
    stack = stack_with(tmp_path, 9000, 1024)
    stack.models[0].path.unlink()
    check_memory(stack)


def test_an_embedding_model_is_a_burden_of_its_own_container(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with path.open("wb") as file:
        file.truncate(448 * 2**20)
    model = ModelFile("e5/model.onnx", "embedding", path, "a/b", path.name, "main", None, None)
    stack = make_stack(replace(make_service("embedding", 8003), memory=Mib(512)), models=(model,))
    with pytest.raises(ProfileInvalid, match=r"services\.embedding\.memory: .* at least 1472MiB"):
        check_memory(stack)
