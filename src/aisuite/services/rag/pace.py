"""How many texts a model is given in one request: as many as it embeds in a few seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_FIRST, _MOST = 1, 128  # texts
_SECONDS = 8.0  # of one request: far below every time-out, far above what a request costs


class Pace:
    """Begins with little, and learns from each answer: what is quick on a card may take minutes on a CPU."""

    def __init__(self) -> None:
        self._most = _FIRST

    def parts(self, texts: Sequence[str]) -> Iterator[Sequence[str]]:
        """Yield texts in parts, each as large as the answers so far allow."""
        done = 0
        while done < len(texts):
            part = texts[done : done + self._most]
            yield part
            done += len(part)

    def learn(self, texts: int, seconds: float) -> None:
        """Note how long a part took."""
        self._most = max(1, min(_MOST, int(texts * _SECONDS / max(seconds, 1e-6)), 4 * self._most))
