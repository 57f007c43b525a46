"""docs/reference/checks.md explains every check of `validate-env`, where each check says that it does."""

from __future__ import annotations

import pytest

from aisuite.preflight.catalogue import CHECKS
from aisuite.preflight.model import Check
from tests.docs.pages import REFERENCE, ROOT, find_anchors

PAGE = REFERENCE / "checks.md"


@pytest.mark.parametrize("check", CHECKS, ids=lambda one: one.id)
def test_a_check_is_explained_where_it_says(check: Check) -> None:
    path, _, anchor = check.docs.partition("#")
    assert ROOT / path == PAGE
    assert anchor in find_anchors(PAGE)
    text = PAGE.read_text(encoding="utf-8")
    assert check.wanted in text
    assert check.reason in text


def test_no_check_is_explained_that_does_not_exist() -> None:
    assert find_anchors(PAGE) - {"checks-of-this-machine"} == {one.id.lower() for one in CHECKS}
