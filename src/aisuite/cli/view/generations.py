"""Reports about generations: upgrade, rollback."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aisuite.cli.view.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.cli.output import Output
    from aisuite.ops.generations import Generation
    from aisuite.ops.rollback import RollbackReport
    from aisuite.ops.upgrade import UpgradeReport


def upgrade_json(report: UpgradeReport) -> dict[str, Any]:
    """How it ended; `back` is there when it was taken back."""
    failure, back, plan = report.failure, report.back, report.up.plan if report.up else None
    return {
        "before": report.before,
        "generation": back.generation.number if back else report.generation,
        "dry_run": report.up is not None and report.up.dry_run,
        "plan": [
            {"verb": one.verb.value, "subject": one.subject, "cause": one.cause} for one in (plan.steps if plan else ())
        ],
        "bundle": report.bundle,
        "seconds": round(report.seconds, 3),
        "failure": {"type": type(failure).__name__, "message": failure.message, "hint": failure.hint}
        if failure
        else None,
        "back": rollback_json(back) if back else None,
    }


def upgrade_text(report: UpgradeReport) -> str:
    """What was done, and what to do when it was not good."""
    if report.up is not None and report.up.dry_run:
        comes = f"\n\na backup comes first; what fails brings generation {report.before} back by itself"
        return f"{report.up.plan}{comes if report.up.plan else ''}"
    if report.nothing_to_do:
        return f"nothing to do: generation {report.before} is what the profile says"
    saved = f"saved before: {report.bundle}"
    if report.failure is None:
        head = f"generation {report.generation} is up and stayed well; done in {report.seconds:.1f} s"
        return "\n".join([head, saved, f"back to what was before: aisuite rollback {report.before}"])
    lines = [f"TAKEN BACK: the upgrade failed: {report.failure.message}"]
    lines += [f"  fix: {report.failure.hint}"] if report.failure.hint else []
    return "\n".join([*lines, "", *([rollback_text(report.back)] if report.back else []), saved])


def rollback_json(report: RollbackReport) -> dict[str, Any]:
    """The generation that runs again."""
    return {
        "generation": report.generation.number,
        "before": report.before,
        "restored": report.restored,
        "degraded": report.up.degraded,
        "changed": [one.step.subject for one in report.up.results],
        "seconds": round(report.seconds, 3),
        "services": [asdict(one) for one in report.up.services],
    }


def rollback_text(report: RollbackReport) -> str:
    """What runs again, and what to know of it."""
    which = f"generation {report.generation.number} (profile {report.generation.profile}, {report.generation.made})"
    parts = [f"{which} is up again after {report.seconds:.1f} s"]
    parts += [f"the databases are those of the backup {report.restored}"] if report.restored else []
    parts += [f"- {err.message}" for err in report.up.failures]
    return "\n".join([*parts, "the profile was not touched: the next aisuite up follows it again"])


def list_json(known: Sequence[Generation], now: int | None) -> dict[str, Any]:
    """All generations, oldest first."""
    return {"current": now, "generations": [asdict(one) for one in known]}


def list_text(known: Sequence[Generation], now: int | None, out: Output) -> str:
    """One row for each, oldest first."""
    if not known:
        return "there is no generation yet: aisuite up makes the first"
    rows = [("GENERATION", "MADE", "PROFILE", "PHASE", "ENGINE", "IT WAS")]
    for one in known:
        state = "current" if one.number == now else "good" if one.good else "never all up"
        rows.append((str(one.number), one.made, one.profile, str(one.phase), one.engine, state))
    return table(rows, out)
