"""The routes that backup and restore call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from aisuite.services.common.openapi import refusals
from aisuite.services.rag.mending import Mender
from aisuite.services.rag.reconciler import Reconciled, Reconciler
from aisuite.services.rag.write_gate import WriteGate


class Maintenance(BaseModel):
    """Whether writers are to wait; a hold ends after `seconds`, whatever becomes of who asked for it."""

    model_config = ConfigDict(extra="forbid")

    hold: bool
    seconds: Annotated[float, Field(gt=0, le=300)] = 30


class Held(BaseModel):
    """Whether writers wait, for how many seconds more, and for how many they have waited."""

    hold: bool
    seconds: float
    waited: float = 0


@dataclass(frozen=True)
class Upkeep:
    """What the routes call."""

    reconciler: Reconciler
    mender: Mender
    gate: WriteGate
    forget_answers: Callable[[], None]


def create_upkeep_router(upkeep: Upkeep) -> APIRouter:
    """Make the routes."""
    router = APIRouter()

    @router.post("/maintenance", responses=refusals(503))
    async def maintenance(request: Maintenance) -> Held:
        """Hold all writing, or let it go on; with the answer nobody writes any more."""
        waited = 0.0
        if request.hold:
            waited = await upkeep.gate.hold(request.seconds)
        else:
            await upkeep.gate.release()
        left = upkeep.gate.seconds_held
        return Held(hold=left > 0, seconds=round(left, 3), waited=round(waited, 3))

    @router.post("/reconcile", responses=refusals(409, 502, 503, 504))
    async def reconcile() -> Reconciled:
        """Bring the points back to what the rows say; missing ones are made in the background."""
        reconciled = await upkeep.reconciler.reconcile()
        upkeep.forget_answers()  # some were made of other points, although no row has changed
        upkeep.mender.wake()
        return reconciled

    return router
