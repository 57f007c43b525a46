"""`up` on a card: what does not fit is refused, unless it is wanted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aisuite.errors import DoesNotFit
from aisuite.ops.settle import CardPlan
from aisuite.ops.up import UpRequest, up
from aisuite.vram.model import Verdict
from aisuite.vram.solve import solve
from tests.fakes.engine import Program
from tests.fakes.pricing import make_budget, make_demand, round_pricing
from tests.fakes.stacks import make_service, make_stack
from tests.unit.ops.deps import make_world


def _card(verdict: Verdict) -> CardPlan:
    free = {Verdict.NO: 1000, Verdict.TIGHT: 1300, Verdict.FITS: 6141}[verdict]
    plan = solve([make_demand(auto=False)], make_budget(6141, free=free), round_pricing())
    found = CardPlan(plan, "a question")
    assert found.plan.verdict is verdict
    return found


ON_CARD = make_stack(replace(make_service("inference-chat", 8001), gpu=True), gpu_device=None)


def test_models_that_do_not_fit_start_nothing() -> None:
    world = make_world()
    with pytest.raises(DoesNotFit, match="the models do not fit on a card; nothing was started:") as caught:
        up(UpRequest(ON_CARD, card=_card(Verdict.NO)), world.deps)
    assert "together (1294 MiB) they would take 294 MiB more than the 1000 MiB that are free" in caught.value.message
    assert (caught.value.exit_code, world.engine.calls, world.workdir.files) == (4, [], {})
    with pytest.raises(DoesNotFit):
        up(UpRequest(ON_CARD, card=_card(Verdict.NO), dry_run=True), world.deps)


def test_force_starts_what_does_not_fit_and_the_report_says_so() -> None:
    report = up(UpRequest(ON_CARD, card=_card(Verdict.NO), force=True), make_world().deps)
    assert report.forced
    assert report.card is not None
    assert report.card.verdict is Verdict.NO


@pytest.mark.parametrize("verdict", [Verdict.FITS, Verdict.TIGHT])
def test_what_fits_starts_and_is_remembered(verdict: Verdict) -> None:
    world = make_world()
    assert not up(UpRequest(ON_CARD, card=_card(verdict)), world.deps).forced
    assert '"gpu_layers": "all"' in world.workdir.files["vram.json"]


def test_what_runs_already_is_not_refused() -> None:
    world = make_world()
    up(UpRequest(ON_CARD, card=_card(Verdict.FITS)), world.deps)
    assert not up(UpRequest(ON_CARD, card=_card(Verdict.NO)), world.deps).plan


def test_a_server_of_the_card_that_fails_does_not_hold_up_the_next() -> None:
    code = replace(make_service("inference-code", 8004), gpu=True)
    world = make_world({"inference-chat": Program(dies=1)})
    report = up(UpRequest(make_stack(*ON_CARD.services, code)), world.deps)
    assert {one.name: one.health for one in report.services}["inference-code"] == "healthy"
    assert report.degraded
