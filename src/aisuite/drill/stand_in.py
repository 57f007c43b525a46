"""The stand-in that a drill puts in a model server's place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aisuite.drill.model import POISON, StubMode
from aisuite.stack.containers import python_check
from aisuite.stack.model import Endpoint, SecretUse
from aisuite.stack.numerals import decimal
from aisuite.stack.places import SERVICE_KEY

if TYPE_CHECKING:
    from aisuite.stack.model import GatewayPolicy, Service, Stack

_OURS = "aisuite.services."
_SLOW = 0.5  # of the shortest time-out
_TOO_SLOW = 1.5  # of the longest


def find_ours(stack: Stack) -> Service | None:
    """Return a service that is ours: the stand-in runs as it does. None when there is none."""
    return next((one for one in stack.services if any(word.startswith(_OURS) for word in one.command)), None)


def stand_in(service: Service, mode: StubMode, stack: Stack) -> Service:
    """Return what answers under a model server's name and address, with its key. Raises ValueError: nothing is ours."""
    ours = find_ours(stack)
    if ours is None:
        raise ValueError(f"phase {stack.phase} of this stack has no service that the stand-in could run like")
    environment = {
        "SERVICE_HOST": service.listen.host,
        "SERVICE_PORT": str(service.listen.port),
        "STUB_DELAY": decimal(_delay(mode, stack.policy)),
        "STUB_MODE": mode.value,
        "STUB_MODEL": service.name,
        "STUB_POISON": POISON,
    }
    here = Endpoint("127.0.0.1", service.listen.port)
    return replace(
        ours,
        name=service.name,
        role=service.role,
        command=(ours.command[0], "-m", f"{_OURS}stub"),
        environment=tuple(sorted(environment.items())),
        secrets=(SecretUse(SERVICE_KEY, "SERVICE_API_KEY_FILE", as_file=True),),
        listen=service.listen,
        published=service.published,
        depends_on=service.depends_on,
        live_path=service.live_path,
        ready_path=service.ready_path,
        mounts=(),
        volumes=(),
        healthcheck=python_check(here, service.live_path, end_when_hung=False) if ours.healthcheck else (),
    )


def _delay(mode: StubMode, policy: GatewayPolicy) -> float:
    """Return how long it takes to answer: late enough to be felt, or later than anybody waits."""
    if mode is StubMode.SLOW:
        return _SLOW * min(policy.health_timeout, policy.stream_timeout, policy.request_timeout)
    return _TOO_SLOW * policy.request_timeout if mode is StubMode.TOO_SLOW else 0.0
