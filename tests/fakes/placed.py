"""A profile whose models the planner has placed on two cards."""

from __future__ import annotations

from aisuite.profile.load import ProfileRequest, load_profile
from aisuite.profile.model import Profile
from aisuite.units import Mib
from aisuite.vram.demand import build_of_image, demands_of, settled
from aisuite.vram.model import Budget, Card
from aisuite.vram.overhead import estimated_overhead
from aisuite.vram.place import solve_cards
from aisuite.vram.rulebook import price
from tests.fakes.known_models import known_models
from tests.fakes.profiles import ROOT

_MODELS = {"chat": "qwen2.5-3b", "code": "qwen2.5-coder-7b"}


def two_cards(mib: int = 6141) -> Profile:
    """Return phase2 as it is started on a machine with two such cards."""
    profile = load_profile(ProfileRequest(name_or_path="phase2", working_dir=ROOT)).profile
    gpu = profile.gpu.model_copy(update={"devices": (0, 1), "budget": None})
    profile = profile.model_copy(update={"gpu": gpu})
    shapes = {model: known_models()[shape] for model, shape in _MODELS.items()}
    build = build_of_image(profile.images)
    sites = [
        (Budget(card, None, Mib(200)), price(build, estimated_overhead(card)))
        for card in (Card(f"card {index}", mib * 2**20, mib * 2**20, here=True, index=index) for index in (0, 1))
    ]
    return settled(profile, solve_cards(demands_of(profile, shapes, "phase2"), sites, profile.gpu.prefer))
