"""Checks of ports."""

from __future__ import annotations

from dataclasses import replace

from aisuite.preflight.model import Outcome
from aisuite.preflight.snapshot import PortUse
from aisuite.stack.model import Endpoint
from aisuite.units import Port
from tests.fakes.stacks import make_service
from tests.unit.preflight.snapshots import judged, snapshot


def test_a_port_that_somebody_else_holds_fails_and_names_the_holder() -> None:
    taken = PortUse("rag", "127.0.0.1", 8002, "python3, pid 4242")
    found = judged("PORT-001", snapshot(ports=(PortUse("api-gateway", "127.0.0.1", 8000), taken)))
    assert found.outcome is Outcome.FAIL
    assert found.judgement.details == ("port 8002 for rag is held by python3, pid 4242",)
    assert found.judgement.fix == "stop it, or write ports: {rag: 18002} into the profile"


def test_a_stack_that_runs_is_in_no_conflict_with_itself() -> None:
    own = PortUse("rag", "127.0.0.1", 8002, "python3, pid 4242", ours=True)
    found = judged("PORT-001", snapshot(ports=(own,)))
    assert found.outcome is Outcome.PASS
    assert found.judgement.measured == "1 port; 1 held by this stack itself"


def test_a_port_beyond_loopback_is_a_warning() -> None:
    for host, outcome in (("0.0.0.0", Outcome.WARN), ("::", Outcome.WARN), ("192.168.1.5", Outcome.WARN),
                          ("127.0.0.1", Outcome.PASS), ("127.8.8.8", Outcome.PASS), ("::1", Outcome.PASS)):  # fmt: skip
        service = replace(make_service("api-gateway", 8000), published=Endpoint(host, Port(8000)))
        assert judged("PORT-002", snapshot(service)).outcome is outcome, host
