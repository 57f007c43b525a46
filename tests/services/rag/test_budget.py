"""How the room for prompts follows what servers count."""

from __future__ import annotations

from aisuite.services.rag.budget import ContextBudget

MODEL = "chat-7b"


def test_the_output_has_its_place_in_the_context() -> None:
    assert ContextBudget(1024).room(MODEL, 256) == 768


def test_a_prompt_longer_than_estimated_makes_the_next_ones_shorter() -> None:
    budget = ContextBudget(1024)
    budget.learn_from_count(MODEL, estimated=100, counted=200)
    assert budget.room(MODEL, 24) == 500
    assert budget.room("code-7b", 24) == 1000


def test_what_one_odd_prompt_taught_fades() -> None:
    budget = ContextBudget(1024)
    budget.learn_from_count(MODEL, estimated=100, counted=200)
    for _ in range(20):
        budget.learn_from_count(MODEL, estimated=100, counted=90)
    assert budget.room(MODEL, 24) > 980


def test_a_refusal_with_numbers_makes_the_same_text_fit_the_next_time() -> None:
    budget = ContextBudget(4096)
    budget.learn_from_refusal(MODEL, estimated=900, counted=1800, context=1024)
    assert budget.room(MODEL, 0) * 1800 / 900 <= 1024


def test_a_refusal_without_numbers_halves_the_room() -> None:
    budget = ContextBudget(1000)
    budget.learn_from_refusal(MODEL, estimated=900, counted=None, context=None)
    assert budget.room(MODEL, 0) == 500


def test_a_context_larger_than_configured_is_not_used() -> None:
    budget = ContextBudget(1000)
    budget.learn_from_refusal(MODEL, estimated=900, counted=None, context=8000)
    assert budget.room(MODEL, 0) == 500
