"""Turn what a profile leaves to the planner into numbers: the same ones while its servers run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aisuite.errors import EngineUnavailable
from aisuite.ops.model_files import is_here
from aisuite.plan.observed import ALIVE
from aisuite.profile.dependencies import INFERENCE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from aisuite.ops.plan import PlanDoors, PlanRequest
    from aisuite.ports import Engine, Workdir
    from aisuite.profile.model import Profile
    from aisuite.vram.model import VramPlan

CARD = "vram.json"  # in the project folder
_SCHEMA = "aisuite.vram/1"


@dataclass(frozen=True, slots=True)
class CardPlan:
    """A plan, and a digest of all that the owner had to say about it."""

    plan: VramPlan
    question: str

    @property
    def notes(self) -> tuple[str, ...]:
        """What the owner should know of it, before anything is started."""
        several = bool(self.plan.cards)
        shares = (
            f"{share.model} on {f'card {share.card}' if several else 'the card'}: {share.why}"
            for share in self.plan.shares
        )
        bad = () if self.plan.fits else (f"the models {self.plan.verdict.in_words}", *self.plan.reasons)
        return (*self.plan.notes, *shares, *bad)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the last `up` was told: by model, the keys that the planner chose, and the bytes of the card."""

    question: str
    chosen: Mapping[str, Mapping[str, Any]]
    bytes: Mapping[str, int]


def settle(
    request: PlanRequest, doors: PlanDoors, workdir: Workdir, engine: Engine, *, again: bool
) -> tuple[Profile, CardPlan | None]:
    """Return the profile with a number wherever the planner chooses, and the plan; None where there is no card.

    What others do with the card changes from minute to minute: while a model server of the project runs, or `again`,
    the answer of the last `up` to the same question stands. Raises what `plan` raises.
    """
    from aisuite.ops.plan import plan  # with the solver behind it: who only remembers, or has no card, needs neither
    from aisuite.vram.demand import planned_models, settled

    if not planned_models(request.profile):
        return settled(request.profile, None), None
    question, known = question_of(request), _recall(workdir)
    if known is not None:
        running = _running(engine)
        request = replace(request, occupied=_occupied(known, running, request.profile))
        if known.question == question and (again or running & known.chosen.keys()):
            models = request.profile.models
            kept = frozenset(name for name in known.chosen if name in models and models[name].gpu_layers == "auto")
            request = replace(request, profile=_as_before(request.profile, known.chosen), answered=kept)
    found = plan(request, doors).plan
    return settled(request.profile, found), CardPlan(found, question)


def remember(workdir: Workdir, card: CardPlan) -> None:
    """Keep the answers for the next time. Raises StateUnwritable, DiskFull."""
    from aisuite.vram.demand import chosen

    body = {
        "schema": _SCHEMA,
        "question": card.question,
        "chosen": {share.model: chosen(share) for share in card.plan.shares},
        "bytes": {share.model: share.device_bytes for share in card.plan.shares},
    }
    workdir.write({CARD: json.dumps(body, indent=2) + "\n"})


def question_of(request: PlanRequest) -> str:
    """Return a digest of what the owner says: settings, files, build; not of the card's state."""
    from aisuite.vram.demand import planned_models

    models = {
        name: (request.profile.models[name].model_dump(mode="json"), _stamp(request, name))
        for name in planned_models(request.profile)
    }
    text = json.dumps([request.profile.gpu.model_dump(mode="json"), models, str(request.build)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _stamp(request: PlanRequest, name: str) -> tuple[str, int, int]:
    path = next(file.path for file in request.files if file.model == name)
    if not is_here(path):
        return str(path), 0, 0
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns


def _recall(workdir: Workdir) -> _Known | None:
    """Return what the last `up` was told; None when nothing is kept, or nothing of ours."""
    try:
        body = json.loads(workdir.read(CARD) or "{}")
        if body.pop("schema", None) != _SCHEMA:
            return None
        return _Known(str(body["question"]), dict(body["chosen"]), dict(body["bytes"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # of another version, or damaged: planned anew


def _running(engine: Engine) -> AbstractSet[str]:
    """Return the models whose servers run."""
    try:
        services = engine.observe().services
    except EngineUnavailable:  # it runs nothing then; who needs it says so
        return frozenset()
    return {one.name.removeprefix(INFERENCE) for one in services if one.state in ALIVE}


def _occupied(known: _Known, running: AbstractSet[str], profile: Profile) -> dict[int, int]:
    """Return what running servers hold of each card."""
    found: dict[int, int] = {}
    for name in running & known.bytes.keys():
        card = known.chosen.get(name, {}).get("device", profile.gpu.device)
        found[card] = found.get(card, 0) + known.bytes[name]
    return found


def _as_before(profile: Profile, known: Mapping[str, Mapping[str, Any]]) -> Profile:
    from aisuite.vram.demand import answered

    models = {name: answered(profile, name, known.get(name, {})) for name in profile.models}
    return profile.model_copy(update={"models": models})
