"""Numbers for what a profile leaves open: new ones for a new question, the same while servers run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aisuite.ops.plan import PlanDoors, PlanRequest
from aisuite.ops.settle import remember, settle
from aisuite.profile.model import Profile
from tests.fakes.engine import FakeEngine
from tests.fakes.gpu import FakeCard
from tests.fakes.profiles import make_profile
from tests.fakes.stacks import make_service, make_stack
from tests.fakes.workdir import FakeWorkdir
from tests.unit.ops.test_plan import doors, profile, request_for

CODE = make_service("inference-code", 8004)


class World:
    """A project on a card that others use, too."""

    def __init__(self, folder: Path) -> None:
        self.card = FakeCard(total=2800)
        self.engine, self.workdir = FakeEngine(), FakeWorkdir()
        self.doors: PlanDoors = doors(folder, self.card)
        self.request: PlanRequest = request_for(folder, profile())

    def settle(self, *, again: bool = False) -> Profile:
        return settle(self.request, self.doors, self.workdir, self.engine, again=again)[0]

    def up(self) -> Profile:
        """Do what `up` does: ask, remember, and let the code server take its memory."""
        found, card = settle(self.request, self.doors, self.workdir, self.engine, again=False)
        assert card is not None
        remember(self.workdir, card)
        self.engine.open(make_stack(CODE))
        self.engine.start(CODE, {})
        self.card.programs[1] = sum(share.device_bytes for share in card.plan.shares) // 2**20
        return found


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def layers(found: Profile) -> object:
    return found.models["code"].gpu_layers


def test_a_profile_without_a_card_costs_nothing(world: World) -> None:
    on_cpu = make_profile()
    request = replace(world.request, profile=on_cpu)
    assert settle(request, world.doors, world.workdir, world.engine, again=False) == (on_cpu, None)


def test_nothing_is_left_open(world: World) -> None:
    assert layers(world.settle()) == 9
    assert world.settle().models["chat"].gpu_layers == "all"


def test_a_second_up_gets_the_same_numbers_whatever_others_do_meanwhile(world: World) -> None:
    first = world.up()
    world.card.programs[9] = 200
    assert world.settle() == first


def test_with_nothing_running_the_card_is_looked_at_again(world: World) -> None:
    world.up()
    world.engine.stop(CODE.name)
    world.card.programs = {9: 600}
    assert layers(world.settle()) == 5
    assert layers(world.settle(again=True)) == 9


def test_another_question_gets_another_answer_and_our_own_servers_are_no_obstacle(world: World) -> None:
    world.up()
    world.request = replace(world.request, profile=profile(context=8192))
    # The code server runs and gives back what it holds; the chat server's share is taken by somebody else now.
    assert layers(world.settle()) == 0
    world.engine.start(make_service("inference-chat", 8001), {})
    assert layers(world.settle()) == 5


def test_a_new_model_file_is_a_new_question(world: World) -> None:
    world.up()
    world.request.files[1].path.write_bytes(b"new")
    world.card.programs[9] = 374
    world.engine.start(make_service("inference-chat", 8001), {})
    assert layers(world.settle()) == 8


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "aisuite.vram/1"}', '{"schema": "other/1"}'])
def test_a_damaged_memory_is_none(world: World, text: str) -> None:
    world.workdir.files["vram.json"] = text
    assert layers(world.settle()) == 9


def test_models_stay_on_their_cards_while_one_of_them_runs(tmp_path: Path) -> None:
    world = World(tmp_path)
    second = FakeCard(total=2800)
    world.doors = doors(tmp_path, world.card, second)
    world.request = request_for(tmp_path, profile({"devices": "auto"}))
    found = world.up()
    cards = {name: model.device for name, model in found.models.items()}
    assert cards == {"chat": 0, "code": 1}
    _, card = settle(world.request, world.doors, world.workdir, world.engine, again=True)
    assert card is not None
    assert {"chat on card 0", "code on card 1"} <= {note.partition(":")[0] for note in card.notes}
    second.programs[99] = 2700
    assert {name: model.device for name, model in world.settle().models.items()} == cards


def test_a_profile_of_one_card_names_no_card_of_its_models(world: World) -> None:
    assert {model.device for model in world.settle().models.values()} == {None}
