from __future__ import annotations

import os
import signal

import pytest

from aisuite.profile.environment import VARIABLES


def pytest_configure() -> None:
    """Forget what the shell says about a suite of the developer's own: tests say themselves what they want."""
    for variable in VARIABLES:
        os.environ.pop(variable.name, None)
    # A shell starts what it puts into the background with Ctrl-C ignored, and all that we start would ignore it, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the files under tests/golden again")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether this run writes the golden files instead of comparing with them."""
    return bool(request.config.getoption("--update-golden"))
