from __future__ import annotations

import pytest

from aisuite.stack.graph import dependencies_of, start_order
from aisuite.stack.model import Dependency
from tests.fakes.stacks import make_service


def test_services_start_by_level_and_within_a_level_in_the_order_given() -> None:
    last = make_service("rag", 8002, Dependency("api-gateway"), Dependency("qdrant"))
    middle = make_service("api-gateway", 8000, Dependency("inference-chat", required=False))
    first, other = make_service("inference-chat", 8001), make_service("qdrant", 6333)
    assert start_order([last, middle, first, other]) == (first, other, middle, last)


def test_services_that_wait_for_each_other_are_refused() -> None:
    circle = [make_service("a", 1, Dependency("b")), make_service("b", 2, Dependency("a"))]
    with pytest.raises(ValueError, match="a, b"):
        start_order(circle)


def test_only_what_is_optional_is_not_required() -> None:
    assert dependencies_of("c", {"c": ("a", "b")}, ("a",)) == (Dependency("a", required=False), Dependency("b"))
