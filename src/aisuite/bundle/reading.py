"""Reading JSON whose writer may not be trusted: each value has the type that it must have, or it is refused."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_LARGEST = 2**63 - 1


class Part:
    """A JSON object, and its place for the messages. Everything raises ValueError naming the place."""

    def __init__(self, told: object, place: str) -> None:
        if not isinstance(told, dict):
            raise ValueError(f"{place} is not an object")  # noqa: TRY004 - callers catch one kind
        self._told = told
        self._place = place

    def text(self, key: str) -> str:
        """Return a text."""
        return _text(self._of(key), self._at(key))

    def whole(self, key: str) -> int:
        """Return a whole number, 0 or more."""
        return _whole(self._of(key), self._at(key))

    def real(self, key: str) -> float:
        """Return a number."""
        value = self._of(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise ValueError(f"{self._at(key)} is not a number")
        return float(value)

    def optional(self, key: str, read: Callable[[str], T]) -> T | None:
        """Return None for null, else what `read` returns."""
        return None if self._of(key) is None else read(key)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(_text(one, self._at(key)) for one in self._list(key))

    def parts(self, key: str) -> tuple[Part, ...]:
        """Return a list of objects."""
        return tuple(Part(one, f"{self._at(key)}[{place}]") for place, one in enumerate(self._list(key)))

    def words(self, key: str) -> dict[str, str]:
        """Return an object whose values are texts."""
        return {name: _text(value, self._at(key)) for name, value in self._object(key).items()}

    def counts(self, key: str) -> dict[str, int]:
        """Return an object whose values are whole numbers."""
        return {name: _whole(value, self._at(key)) for name, value in self._object(key).items()}

    def _of(self, key: str) -> object:
        if key not in self._told:
            raise ValueError(f"{self._at(key)} is missing")
        return self._told[key]

    def _at(self, key: str) -> str:
        return f"{self._place}.{key}"

    def _list(self, key: str) -> list[object]:
        value = self._of(key)
        if not isinstance(value, list):
            raise ValueError(f"{self._at(key)} is not a list")  # noqa: TRY004
        return value

    def _object(self, key: str) -> dict[str, object]:
        value = self._of(key)
        if not isinstance(value, dict):
            raise ValueError(f"{self._at(key)} is not an object")  # noqa: TRY004
        return value


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{place} is not a text")  # noqa: TRY004
    return value


def _whole(value: object, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        raise ValueError(f"{place} is not a whole number, 0 or more")
    return value
