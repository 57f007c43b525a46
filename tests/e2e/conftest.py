"""One demo suite for all scenarios that leave it as they found it; fresh folders for the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.suite import Suite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """A demo suite of phase 2 that is up."""
    suite = Suite(tmp_path_factory.mktemp("suite"))
    up = suite.run("up", "--phase", "2", "--demo", "--json")
    try:
        assert up.code == 0, up.out + up.err
        yield suite
    finally:
        suite.run("down")
    assert suite.processes() == []


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[Suite]:
    """A folder in which nothing was ever started; whatever a test starts is stopped."""
    fresh = Suite(tmp_path)
    yield fresh
    fresh.run("down")
    assert fresh.processes() == []
