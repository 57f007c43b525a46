"""How much of a prompt fits into a model's context, given that tokens are estimated without its tokenizer.

The server's own counts correct the estimate: a prompt that proved longer than estimated, or a refusal that names
the true context, makes the following prompts shorter. What was learned is kept per model route.
"""

from __future__ import annotations

from dataclasses import dataclass

_SAFETY = 1.05
_FADING = 0.8
_BLIND_SHRINK = 2.0  # when a refusal names no numbers


@dataclass
class _Learned:
    context: int | None = None
    tokens_per_estimate: float = 1.0


class ContextBudget:
    """The room for prompts, per model route."""

    def __init__(self, context_tokens: int) -> None:
        self._context_tokens = context_tokens
        self._learned: dict[str, _Learned] = {}

    def room(self, model: str, max_tokens: int) -> int:
        """Give the estimated tokens that a prompt may have if `max_tokens` of output are to fit behind it."""
        known = self._of(model)
        return int((self._context(known) - max_tokens) / known.tokens_per_estimate)

    def learn_from_count(self, model: str, estimated: int, counted: int) -> None:
        """Take in how many tokens a prompt really had; what older prompts taught fades."""
        known = self._of(model)
        faded = 1 + (known.tokens_per_estimate - 1) * _FADING
        known.tokens_per_estimate = max(faded, counted / estimated)

    def learn_from_refusal(self, model: str, estimated: int, counted: int | None, context: int | None) -> None:
        """Take in that a prompt did not fit, with the true numbers where the server told them."""
        known = self._of(model)
        if counted:
            self.learn_from_count(model, estimated, int(counted * _SAFETY) + 1)
        elif context is None or context >= self._context(known):
            known.tokens_per_estimate *= _BLIND_SHRINK
        known.context = min(self._context(known), context or self._context(known))

    def learn_context(self, context_tokens: int) -> None:
        """Take in what the servers say of their contexts, which is worth more than what was configured."""
        self._context_tokens = context_tokens

    def _context(self, known: _Learned) -> int:
        return min(self._context_tokens, known.context or self._context_tokens)

    def _of(self, model: str) -> _Learned:
        return self._learned.setdefault(model, _Learned())
