"""Quantities with their unit in the type: sizes, ports, durations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_FACTORS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "K": 2**10,
    "M": 2**20,
    "G": 2**30,
}
# At most 12 digits: enough for every size and duration, and never an infinite float.
_SIZE = re.compile(r"\s*(?P<number>\d{1,12}(?:\.\d{1,12})?)\s*(?P<unit>[A-Za-z]*)\s*", re.ASCII)
_TIME = re.compile(r"\s*(?P<number>\d{1,12}(?:\.\d{1,12})?)\s*(?P<unit>ms|s|m|h)?\s*", re.ASCII)
_SPAN = re.compile(r"(?:([0-9]{1,4})y)?(?:([0-9]{1,5})m)?(?:([0-9]{1,6})d)?(?:([0-9]{1,7})h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "h": 3600.0}
MAX_PORT = 65535


class Mib(int):
    """A size in MiB (2**20 bytes)."""

    @classmethod
    def parse(cls, text: str) -> Mib:
        """Read "6GiB", "512 MiB", "6G" (binary) or "6GB" (decimal); rounds down. Raises ValueError."""
        match = _SIZE.fullmatch(text)
        unit = match["unit"].upper() if match else None
        if match is None or unit not in _FACTORS or unit == "":
            raise ValueError(f'{text!r} is not a size; write it with a unit, for example "6GiB" or "512MiB"')
        return cls(int(float(match["number"]) * _FACTORS[unit]) // 2**20)

    @property
    def bytes(self) -> int:
        """The same size in bytes."""
        return int(self) * 2**20

    def __str__(self) -> str:
        whole, rest = divmod(int(self), 1024)
        return f"{whole}GiB" if whole and not rest else f"{int(self)}MiB"


class Port(int):
    """A TCP port, 1 to 65535."""

    @classmethod
    def parse(cls, value: int) -> Port:
        """Check the range. Raises ValueError."""
        if not 1 <= value <= MAX_PORT:
            raise ValueError(f"{value} is not a port; ports are 1 to {MAX_PORT}")
        return cls(value)


class Seconds(float):
    """A duration in seconds."""

    @classmethod
    def parse(cls, text: str) -> Seconds:
        """Read "60", "60s", "500ms", "2m" or "1h". Raises ValueError."""
        match = _TIME.fullmatch(text)
        if match is None:
            raise ValueError(f'{text!r} is not a duration; write for example "60s" or "2m"')
        return cls(float(match["number"]) * _SECONDS[match["unit"]])

    def __str__(self) -> str:
        return f"{float(self):.10g}s"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the calendar."""

    months: int = 0
    hours: int = 0

    @classmethod
    def parse(cls, text: str) -> Span:
        """Read 1y6m14d12h: years, months, days, hours, in this order. Raises ValueError."""
        found = _SPAN.fullmatch(text)
        if not text or found is None:
            raise ValueError(f"{text!r} is no span; it has years, months, days, hours, in this order, as 1y6m14d12h")
        years, months, days, hours = (int(one or 0) for one in found.groups())
        return cls(years * 12 + months, days * 24 + hours)

    def before(self, moment: datetime) -> datetime:
        """Return the moment so long before another; the last day of a month where it has no such day."""
        from calendar import monthrange  # who starts a suite needs no calendar
        from datetime import timedelta

        earliest = moment.min.replace(tzinfo=moment.tzinfo)
        years, month = divmod(moment.year * 12 + moment.month - 1 - self.months, 12)
        if years < 1:
            return earliest
        day = min(moment.day, monthrange(years, month + 1)[1])
        try:
            return moment.replace(year=years, month=month + 1, day=day) - timedelta(hours=self.hours)
        except OverflowError:
            return earliest
