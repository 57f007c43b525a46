"""Judge the containers that run by the rules that every rendered file is held to, and by those that files need not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.stack.hardening import Check, Finding, check_hardening

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.plan.live import LiveProject
    from aisuite.stack.compose import ComposeFile, ComposeService


def _silent(_service: ComposeService, _file: ComposeFile) -> Iterator[str]:
    """Find nothing in a file: it has no words for this."""
    return iter(())


_ROOT = "AIS-1"
# What the strict model of our files cannot say, but somebody's `docker run` or `docker update` can.
LIVE_CHECKS = {
    check.id: check
    for check in (
        Check("CIS-5.5", "Not privileged", "A privileged container is root on the host.", _silent),
        Check("CIS-5.10", "Not the host's network", "It would reach what listens on loopback only.", _silent),
        Check("CIS-5.16", "Not the host's processes", "It would see, and signal, every process.", _silent),
        Check("CIS-5.17", "Not the host's IPC", "It would read the shared memory of every program.", _silent),
        Check("CIS-5.18", "No devices of the host", "A device is a way around every other limit.", _silent),
        Check("CIS-5.20", "Mounts do not spread", "What it mounts would appear on the host.", _silent),
        Check("CIS-5.21", "Not the host's name", "It could rename the host.", _silent),
        Check("CIS-5.25", "No cgroup of its own choice", "It would escape the limits that were set.", _silent),
        Check("CIS-5.31", "Not the host's users", "Its root would be the host's despite a user namespace.", _silent),
    )
}


def live_findings(live: LiveProject) -> tuple[Finding, ...]:
    """Return every finding that no exception excuses, by service; those that files cannot show stand last."""
    said = (one for one in check_hardening(live.described) if not (live.rootless and one.check.id == _ROOT))
    unsayable = (
        Finding(LIVE_CHECKS[one.check], service, one.evidence)
        for service, liberties in live.unsayable.items()
        for one in liberties
    )
    return (*said, *unsayable)
