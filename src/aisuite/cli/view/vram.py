"""A card of a plan: one bar for all of it, and one row for every part."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from aisuite.cli.view.table import table
from aisuite.vram.slices import Kind, slices_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aisuite.cli.output import Output
    from aisuite.vram.model import Share, VramPlan
    from aisuite.vram.slices import Slice

_SIGNS = {
    Kind.OTHERS: ("x", "×"),
    Kind.WEIGHTS: ("#", "█"),
    Kind.KV: ("=", "▓"),
    Kind.COMPUTE: ("-", "▒"),
    Kind.CONTEXT: (":", "░"),
    Kind.RESERVE: ("/", "╱"),
    Kind.FREE: (".", "·"),
}
_SERVER_COLORS = ("36", "35", "32", "34", "33")  # with the signs, so that neither is needed alone
_OTHER_COLOR = "90"
_WIDEST = 100
_NARROWEST = 40
_MIB = 2**20


def card_bar(plan: VramPlan, out: Output) -> str:
    """Return the whole card as one line of signs, what begins where above it, its bounds below it."""
    slices = slices_of(plan)
    scale = _Scale(sum(one.bytes for one in slices), max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size().columns)))
    begins: dict[str, int] = {}
    bar, at, cells = "", 0, 0
    for one in slices:
        begins.setdefault(one.model or one.kind.value, cells)
        at += one.bytes
        bar += _painted(_sign(one.kind) * (scale.cell(at) - cells), one, plan, out)
        cells = scale.cell(at)
    names = [(cell, name) for name, cell in begins.items() if name != Kind.FREE]
    return "\n".join([_labels(names), bar, _bounds(plan, scale)])


def parts_table(plan: VramPlan, out: Output) -> str:
    """Return one row for every part of every server, on the card and in RAM, and for the rest of the card."""
    total = plan.budget.card.total
    rows = [("", "PART", "CARD MiB", "OF CARD", "RAM MiB")]
    for share in plan.shares:
        rows += [
            (sign, part, *_sizes(card, total), _mib(ram))
            for sign, part, card, ram in _server_rows(share)
            if card or ram
        ]
    for one in slices_of(plan):
        if one.model is None:
            rows.append((_sign(one.kind), one.kind.value, *_sizes(one.bytes, total), ""))
    return table(_right_aligned(rows, first=2), out)


class _Scale:
    """Cells of a bar for bytes from the card's beginning."""

    def __init__(self, total: int, width: int) -> None:
        self._total, self.width = max(total, 1), width

    def cell(self, place: int) -> int:
        """Return the cell that begins there; rounded along the bar, so that errors do not add up."""
        return round(place * self.width / self._total)


def _labels(names: Sequence[tuple[int, str]]) -> str:
    """Put each name above its cell, or as near behind as the one before allows."""
    line = ""
    for cell, name in names:
        line = line.ljust(cell) if len(line) < cell or not line else f"{line} "
        line += name
    return line


def _bounds(plan: VramPlan, scale: _Scale) -> str:
    card = plan.budget.card
    others = card.total - card.free
    lines = [_mark(f"models: at most {plan.limit / _MIB:.0f} MiB", scale.cell(others + plan.limit), scale.width)]
    if others + plan.used > card.total:
        lines.append(_mark(f"{card.total // _MIB} MiB: the card ends", scale.cell(card.total), scale.width))
    return "\n".join(lines)


def _mark(words: str, cell: int, width: int) -> str:
    """Point at a cell, from the right where there is room for the words."""
    fits = cell + 2 + len(words) <= width
    return f"{'^'.rjust(cell + 1)} {words}" if fits else f"{words} ^".rjust(cell + 1)


def _server_rows(share: Share) -> Iterator[tuple[str, str, int, int]]:
    """Yield sign, name, bytes on the card, bytes in RAM."""
    device, host = share.memory.device, share.memory.host
    yield _sign(Kind.WEIGHTS), f"{share.model} weights", device.model, host.model
    yield _sign(Kind.KV), f"{share.model} KV cache", device.kv, host.kv
    yield _sign(Kind.COMPUTE), f"{share.model} compute", device.compute, host.compute
    yield "", f"{share.model} output", device.output, host.output
    yield _sign(Kind.CONTEXT), f"{share.model} CUDA context", share.overhead.bytes, 0
    yield "", f"{share.model} together", share.device_bytes, host.total


def _sizes(size: int, total: int) -> tuple[str, str]:
    return _mib(size), f"{size / total:.1%}" if size else ""


def _mib(size: int) -> str:
    return f"{size / _MIB:.1f}" if size else ""


def _right_aligned(rows: Sequence[tuple[str, ...]], first: int) -> list[tuple[str, ...]]:
    """Pad the columns of numbers on their left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        tuple(cell.rjust(widths[column]) if column >= first else cell for column, cell in enumerate(row))
        for row in rows
    ]


def _sign(kind: Kind) -> str:
    plain, fine = _SIGNS[kind]
    return fine if (sys.stdout.encoding or "").lower().replace("-", "") == "utf8" else plain


def _painted(signs: str, one: Slice, plan: VramPlan, out: Output) -> str:
    if not signs or not out.colors(sys.stdout):
        return signs
    models = [share.model for share in plan.shares]
    color = _SERVER_COLORS[models.index(one.model) % len(_SERVER_COLORS)] if one.model else _OTHER_COLOR
    return f"\033[{color}m{signs}\033[0m"
