"""What every clock keeps."""

from __future__ import annotations

import pytest

from aisuite.adapters.clock import SystemClock
from aisuite.ports import Clock
from tests.fakes.clock import FakeClock


@pytest.fixture(params=[FakeClock, SystemClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


def test_sleeping_moves_both_times_on(clock: Clock) -> None:
    now, monotonic = clock.now(), clock.monotonic()
    clock.sleep(0.01)
    assert clock.monotonic() - monotonic >= 0.01
    assert clock.now() > now
