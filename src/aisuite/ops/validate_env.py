"""`aisuite validate-env`: whether this machine can run the stack, check by check; nothing is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.errors import HostError
from aisuite.preflight.model import Finding, Outcome, examine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from aisuite.ports.facts import Repairs
    from aisuite.preflight.model import Check, Repair
    from aisuite.preflight.snapshot import Section, Snapshot

    Gather = Callable[[AbstractSet[Section]], Snapshot]


@dataclass(frozen=True, slots=True)
class ValidateReport:
    """What every check found; `repaired` was done before."""

    findings: tuple[Finding, ...]
    strict: bool = False
    repaired: tuple[Repair, ...] = ()

    def count(self, outcome: Outcome) -> int:
        """Return how many checks ended so."""
        return sum(one.outcome is outcome for one in self.findings)

    @property
    def exit_code(self) -> int:
        """0, or 3 when something is missing; warnings count where they shall."""
        bad = self.count(Outcome.FAIL) + (self.count(Outcome.WARN) if self.strict else 0)
        return HostError.exit_code if bad else 0


def validate_env(checks: Sequence[Check], gather: Gather, *, strict: bool = False) -> ValidateReport:
    """Judge what `gather` finds; it is asked for what these checks read, and for nothing else."""
    snapshot = gather(frozenset().union(*(one.reads for one in checks)))
    return ValidateReport(tuple(examine(one, snapshot) for one in checks), strict)


def repairs_of(report: ValidateReport) -> tuple[Repair, ...]:
    """Return what can be put right without a loss, each once."""
    found = (repair for one in report.findings for repair in one.judgement.repairs)
    return tuple(dict.fromkeys(found))


def carry_out(repairs: Sequence[Repair], door: Repairs) -> None:
    """Put these things right, in order. Raises StateUnwritable."""
    for one in repairs:
        if one.kind == "close":
            door.close_to_others(one.path)
        else:
            door.remove_file(one.path)
