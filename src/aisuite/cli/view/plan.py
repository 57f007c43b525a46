"""The report of `plan`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aisuite.cli.view.table import table
from aisuite.cli.view.vram import card_bar, parts_table

if TYPE_CHECKING:
    from aisuite.cli.output import Output
    from aisuite.ops.plan import PlanReport
    from aisuite.vram.model import Share, VramPlan
    from aisuite.vram.solve import Neighbour

_MIB = 2**20
Row = tuple[str, ...]
_HEAD: Row = (
    "MODEL",
    "LAYERS",
    "CONTEXT",
    "KV TYPE",
    "CARD MiB",
    "RAM MiB",
)


def plan_json(report: PlanReport) -> dict[str, Any]:
    """The plan with every part, and what one more layer of each model would mean."""
    found = plan_fields(report.plan)
    found["neighbours"] = [_neighbour(one) for one in report.neighbours]
    found["without_what_if"] = plan_fields(report.before) if report.before else None
    return found


def plan_fields(plan: VramPlan) -> dict[str, Any]:
    """The plan of one card, every part of every server."""
    budget, card = plan.budget, plan.budget.card
    return {
        "verdict": plan.verdict.value,
        "reasons": list(plan.reasons),
        "remedy": plan.remedy,
        "notes": list(plan.notes),
        "build": plan.build.label,
        "rules": plan.rules,
        "card": {
            "name": card.name,
            "index": card.index,
            "here": card.here,
            "total_mib": _mib(card.total),
            "free_mib": _mib(card.free),
            "multiprocessors": card.multiprocessors,
        },
        "budget_mib": None if budget.wanted is None else int(budget.wanted),
        "reserve_mib": int(budget.reserve),
        "limit_mib": _mib(plan.limit),
        "room_mib": _mib(budget.room),
        "used_mib": _mib(plan.used),
        "left_mib": _mib(plan.left),
        "cards": [_card_fields(one) for one in plan.by_card],
        "models": [_share(share) for share in plan.shares],
    }


def _card_fields(plan: VramPlan) -> dict[str, Any]:
    """What of a plan is of one card."""
    card = plan.budget.card
    return {
        "name": card.name,
        "index": card.index,
        "total_mib": _mib(card.total),
        "free_mib": _mib(card.free),
        "limit_mib": _mib(plan.limit),
        "room_mib": _mib(plan.budget.room),
        "used_mib": _mib(plan.used),
        "verdict": plan.verdict.value,
        "models": [share.model for share in plan.shares],
    }


def _share(share: Share) -> dict[str, Any]:
    flags = share.flags
    return {
        "model": share.model,
        "card": share.card,
        "architecture": share.shape.architecture,
        "gpu_layers": min(flags.gpu_layers, share.shape.layers + 1),
        "layers": share.shape.layers + 1,
        "context": flags.context,
        "parallel": flags.parallel,
        "batch": flags.batch,
        "kv_type": flags.kv_k,
        "why": share.why,
        "assumed": list(share.shape.assumed),
        "card_mib": {
            **{name: _mib(size) for name, size in asdict(share.memory.device).items() if name != "output"},
            "process": _mib(share.overhead.bytes),
            "total": _mib(share.device_bytes),
        },
        "host_mib": {
            **{name: _mib(size) for name, size in asdict(share.memory.host).items()},
            "total": _mib(share.memory.host.total),
        },
        "process_source": share.overhead.source,
    }


def _neighbour(one: Neighbour) -> dict[str, Any]:
    return {
        "model": one.model,
        "gpu_layers": one.gpu_layers,
        "used_mib": _mib(one.used),
        "left_mib": _mib(one.left),
        "fits": one.fits,
        "why": one.why,
    }


def _mib(size: int) -> float:
    return round(size / _MIB, 2)


def plan_text(report: PlanReport, out: Output) -> str:
    """The card as a bar, one row per server and one per part, the verdict and its reasons, what would make it fit."""
    plan, lines = report.plan, []
    for one in plan.by_card:
        card, number = one.budget.card, f"card {one.budget.card.index}, " if plan.cards else ""
        may = f"of which the models may use {_whole(one.budget.room)}"
        lines += [f"{number}{card.name}: {_whole(card.total)} MiB, {may}", "", card_bar(one, out), ""]
    lines += [_table(plan, out), ""]
    for one in plan.by_card:
        lines += [*([f"card {one.budget.card.index}:"] if plan.cards else []), parts_table(one, out), ""]
    lines += [f"{share.model}: {share.why}" for share in plan.shares]
    lines += ["", f"{plan.verdict.name}: {plan.reasons[-1]}"]
    if plan.remedy:
        lines.append(f"smallest change that makes it fit: {plan.remedy}")
    if report.before:
        lines += ["", "without --what-if:", _table(report.before, out)]
    lines += ["", *_basis(plan), *(f"note: {note}" for note in plan.notes)]
    return "\n".join(lines)


def _basis(plan: VramPlan) -> list[str]:
    """Say what the figures stand on."""
    sources = dict.fromkeys(share.overhead.source for share in plan.shares)
    return [f"rules of {plan.rules}, for {plan.build}", *(f"each server's CUDA context: {one}" for one in sources)]


def _table(plan: VramPlan, out: Output) -> str:
    cards = bool(plan.cards)
    rows = [_HEAD, *(_row(share) for share in plan.shares)]
    numbers = ["CARD", *(str(share.card) for share in plan.shares)]
    return table([(row[0], number, *row[1:]) if cards else row for row, number in zip(rows, numbers, strict=True)], out)


def _row(share: Share) -> Row:
    flags, every = share.flags, share.shape.layers + 1
    return (
        share.model,
        f"{min(flags.gpu_layers, every)}/{every}",
        str(flags.context),
        flags.kv_k,
        _whole(share.device_bytes),
        _whole(share.memory.host.total),
    )


def _whole(size: int) -> str:
    return f"{size / _MIB:.0f}"
