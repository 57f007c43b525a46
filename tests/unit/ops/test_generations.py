"""What `up` keeps of each change, and what it does not."""

from __future__ import annotations

import pytest

from aisuite.errors import NotReady, StepFailed, UsageError
from aisuite.ops.generations import (
    KEPT,
    Left,
    begin_generation,
    current_number,
    enter_generation,
    list_generations,
    read_files,
    read_generation,
    read_stack,
)
from aisuite.ops.up import UpRequest, up
from tests.unit.ops.deps import World
from tests.unit.ops.generation_world import STACK, changeable_world, changed


def numbers(world: World) -> list[int]:
    return [one.number for one in list_generations(world.workdir)]


def test_the_first_up_makes_the_first_generation_and_the_second_none() -> None:
    world = changeable_world()
    assert up(UpRequest(STACK), world.deps).generation == 1
    assert up(UpRequest(STACK), world.deps).generation is None
    assert numbers(world) == [1]
    assert current_number(world.workdir) == 1


def test_a_change_makes_another_generation_and_the_older_one_stays_as_it_was() -> None:
    world, newer = changeable_world(), changed(STACK, "rag", "--topk", "9")
    up(UpRequest(STACK), world.deps)
    assert up(UpRequest(newer), world.deps).generation == 2
    for number, stack in ((1, STACK), (2, newer)):
        kept = read_generation(world.workdir, number)
        assert kept.good
        assert read_stack(world.workdir, kept) == stack
        assert read_files(world.workdir, kept) == world.deps.renderer.render(stack)
    assert world.workdir.read("current/process/rag") == "rag --port 8002 --topk 9"


def test_what_was_before_byte_by_byte_is_that_generation_again() -> None:
    world = changeable_world()
    for stack in (STACK, changed(STACK, "rag", "--x"), STACK):
        up(UpRequest(stack), world.deps)
    assert (numbers(world), current_number(world.workdir)) == ([1, 2], 1)


def test_a_file_that_was_edited_by_hand_makes_no_generation() -> None:
    world = changeable_world()
    up(UpRequest(STACK), world.deps)
    world.workdir.write({"process/rag": "edited"})
    assert up(UpRequest(STACK), world.deps).generation is None
    assert world.workdir.read("process/rag") == "rag --port 8002"


def test_what_does_not_come_up_is_kept_and_never_becomes_current() -> None:
    world = changeable_world()
    up(UpRequest(STACK), world.deps)
    with pytest.raises(NotReady):
        up(UpRequest(changed(STACK, "rag", "--bad")), world.deps)
    assert current_number(world.workdir) == 1
    assert [one.good for one in list_generations(world.workdir)] == [True, False]


def test_a_degraded_generation_is_current_and_not_good() -> None:
    world = changeable_world()
    up(UpRequest(changed(STACK, "inference-code", "--bad")), world.deps)
    assert current_number(world.workdir) == 1
    assert not read_generation(world.workdir, 1).good


def test_a_dry_run_makes_no_generation() -> None:
    world = changeable_world()
    up(UpRequest(STACK, dry_run=True), world.deps)
    assert numbers(world) == []


def test_old_generations_go_but_never_the_current_one_nor_the_one_before_it() -> None:
    world = changeable_world()
    for number in range(3):
        up(UpRequest(changed(STACK, "rag", f"--n={number}")), world.deps)
    for number in range(KEPT + 3):
        with pytest.raises(NotReady):
            up(UpRequest(changed(STACK, "rag", f"--n={number}", "--bad")), world.deps)
    enter_generation(3, world.workdir, good=True)
    kept = numbers(world)
    assert kept[:2] == [2, 3]
    assert kept[2:] == list(range(7, 7 + KEPT))
    assert not [name for name in world.workdir.files if name.startswith("gen/1/")]


def test_how_the_databases_were_is_noted_of_the_generation_that_is_left() -> None:
    schemas = {"/data/rag.db": 3}
    world = changeable_world(schemas)
    stack = changed(STACK, "rag")
    state = type(stack.service("rag").state)(databases=("/data/rag.db", "/data/new.db"))
    stack = _with_state(stack, state)
    up(UpRequest(stack), world.deps)
    up(UpRequest(changed(stack, "rag", "--x"), bundle="20261121T141500Z"), world.deps)
    left = read_generation(world.workdir, 1).left
    assert left is not None
    assert (left.schemas, left.bundle) == (schemas, "20261121T141500Z")


def test_how_it_was_left_holds_while_nobody_has_brought_it_up_again() -> None:
    schemas = {"/data/rag.db": 3}
    world = changeable_world(schemas)
    stack = _with_state(STACK, type(STACK.service("rag").state)(databases=("/data/rag.db",)))
    up(UpRequest(stack), world.deps)

    def try_another(bundle: str, schema: int) -> Left | None:
        with pytest.raises(NotReady):
            up(UpRequest(changed(stack, "rag", "--bad"), bundle=bundle, strict=True), world.deps)
        schemas["/data/rag.db"] = schema
        return read_generation(world.workdir, 1).left

    assert try_another("first", 3) == Left({"/data/rag.db": 3}, "first")
    assert try_another("second", 4) == Left({"/data/rag.db": 3}, "second")  # nothing had changed: the newer is better
    assert try_another("third", 5) == Left({"/data/rag.db": 3}, "second")  # what was saved then is migrated already
    up(UpRequest(stack), world.deps)
    assert read_generation(world.workdir, 1).left is None
    assert try_another("fourth", 5) == Left({"/data/rag.db": 5}, "fourth")


def _with_state(stack, state):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    services = tuple(replace(one, state=state) if one.name == "rag" else one for one in stack.services)
    return replace(stack, services=services)


def test_a_generation_is_whole_before_anything_of_it_starts() -> None:
    world = changeable_world()
    files = world.deps.renderer.render(STACK)
    number = begin_generation(STACK, files, world.deps, fetched=False, bundle=None)
    assert number == 1
    assert read_files(world.workdir, read_generation(world.workdir, 1)) == files
    assert current_number(world.workdir) is None
    assert world.engine.calls == []


def test_half_a_generation_counts_as_none_and_its_number_is_not_used_again() -> None:
    world = changeable_world()
    world.workdir.write({"gen/1/process/rag": "half"})
    assert up(UpRequest(STACK), world.deps).generation == 2
    assert numbers(world) == [2]


def test_a_generation_that_was_tampered_with_is_not_used() -> None:
    world = changeable_world()
    up(UpRequest(STACK), world.deps)
    world.workdir.write({"gen/1/process/rag": "evil"})
    with pytest.raises(StepFailed, match="generation 1 cannot be brought back: its files were changed"):
        read_files(world.workdir, read_generation(world.workdir, 1))
    world.workdir.write({"gen/1/resolved.json": "{"})
    with pytest.raises(StepFailed, match="generation 1 cannot be brought back"):
        read_stack(world.workdir, read_generation(world.workdir, 1))


@pytest.mark.parametrize("about", ["", "{", "[]", "{}", '{"schema": "aisuite.generation/2"}', "[" * 100_000])
def test_what_is_no_generation_of_ours_is_not_listed(about: str) -> None:
    world = changeable_world()
    world.workdir.write({"gen/1/generation.json": about, "gen/x/generation.json": "{}"})
    assert numbers(world) == []
    with pytest.raises(UsageError, match="there is no generation 1"):
        read_generation(world.workdir, 1)
