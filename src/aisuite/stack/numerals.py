"""Numbers as every reader of our files reads them: no exponent, no fraction where there is none."""

from __future__ import annotations

from decimal import Decimal


def decimal(value: float) -> str:
    """Write a finite number in decimal digits: 60.0 is "60", 0.00001 is "0.00001"."""
    return str(int(value)) if value == int(value) else f"{Decimal(repr(float(value))):f}"
