"""A plan as a picture: the card as one stacked bar, and what more layers or more context would take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.vram import svg
from aisuite.vram.slices import SERVER_KINDS, Kind, slices_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aisuite.vram.model import VramPlan
    from aisuite.vram.slices import Slice
    from aisuite.vram.sweep import Curve, Sweep

_WIDTH = 960
_MARGIN = 40
_MIB = 2**20
# One hue for each server, from its weights to its process; colours that colour-blind people tell apart.
_SERVERS = (
    ("#0b5394", "#3d85c6", "#80b1de", "#bcd6ee"),
    ("#b45309", "#e08a2e", "#f0b878", "#f8dcbc"),
    ("#0f766e", "#2aa198", "#7fcbc4", "#c2e6e2"),
    ("#6b3fa0", "#9168c4", "#bda3de", "#dfd2ef"),
)
_OTHERS = {Kind.OTHERS: "#8a94a0", Kind.RESERVE: "#c7cdd4", Kind.FREE: "#f1f3f5"}
_BOUND = "#b91c1c"
_BAR_TOP, _BAR_HEIGHT = 84, 56
_LEGEND_LINE = 20
_PANEL_HEIGHT = 320
_LABEL_GAP = 14


def plan_svg(plan: VramPlan, sweeps: Sequence[Sweep] = ()) -> str:
    """Return the picture of a plan: each card as a bar, and below all one panel for each sweep."""
    body, top = [], 0
    for one in plan.by_card:
        legend = list(_legend(one))
        prefix = f"card {one.budget.card.index}, " if plan.cards else ""
        body.append(svg.moved(top, [*_head(one, prefix), *_bar(one), *_rows(legend)]))
        top += _BAR_TOP + _BAR_HEIGHT + 56 + _LEGEND_LINE * len(legend) + 20
    cards = {share.model: one for one in plan.by_card for share in one.shares}
    for number, sweep in enumerate(sweeps):
        body += _Panel(cards[sweep.model], sweep, top + _PANEL_HEIGHT * number).drawn()
    return svg.document(_WIDTH, top + _PANEL_HEIGHT * len(sweeps), f"{plan.where}: {plan.verdict.name}", body)


def _head(plan: VramPlan, prefix: str) -> Iterator[str]:
    card = plan.budget.card
    yield svg.text(_MARGIN, 32, f"{prefix}{card.name}, {card.total // _MIB} MiB: {plan.verdict.name}", bold=True)
    yield svg.text(_MARGIN, 52, f"rules of {plan.rules}, for {plan.build}", color=svg.QUIET)


def _bar(plan: VramPlan) -> Iterator[str]:
    """The slices, the bounds, and a scale below them."""
    slices, card = slices_of(plan), plan.budget.card
    whole = max(1, sum(one.bytes for one in slices))
    wide = (_WIDTH - 2 * _MARGIN) / whole
    at = 0
    for one in slices:
        x, width = _MARGIN + at * wide, one.bytes * wide
        yield svg.rect(x, _BAR_TOP, width, _BAR_HEIGHT, _color(one, plan))
        at += one.bytes
    bottom = _BAR_TOP + _BAR_HEIGHT
    for place in _ticks(whole):
        x = _MARGIN + place * wide
        yield svg.line(x, bottom, x, bottom + 5, svg.QUIET)
        yield svg.text(x, bottom + 18, f"{place // _MIB}", "middle", svg.QUIET)
    limit = card.total - card.free + plan.limit
    yield from _bar_bound(_MARGIN + min(limit, whole) * wide, f"models: at most {_mib(plan.limit)} MiB", "end")
    if whole > card.total:
        yield from _bar_bound(_MARGIN + card.total * wide, "the card ends", "start")


def _bar_bound(x: float, words: str, anchor: svg.Anchor) -> Iterator[str]:
    yield svg.line(x, _BAR_TOP - 6, x, _BAR_TOP + _BAR_HEIGHT + 6, _BOUND, "4 3")
    yield svg.text(x - 4 if anchor == "end" else x + 4, _BAR_TOP - 8, words, anchor, _BOUND)


def _legend(plan: VramPlan) -> Iterator[list[tuple[str, str]]]:
    """Yield lines of (colour, words): one for each server, and one for the rest."""
    slices = slices_of(plan)
    for share in plan.shares:
        own = [one for one in slices if one.model == share.model]
        name = f"{share.model}, {min(share.flags.gpu_layers, share.shape.layers + 1)}/{share.shape.layers + 1} layers"
        yield [("", name), *((_color(one, plan), f"{one.kind} {_mib(one.bytes)}") for one in own)]
    rest = [one for one in slices if one.model is None]
    if rest:
        yield [("", "the rest"), *((_color(one, plan), f"{one.kind} {_mib(one.bytes)}") for one in rest)]


def _rows(legend: Sequence[list[tuple[str, str]]]) -> Iterator[str]:
    top = _BAR_TOP + _BAR_HEIGHT + 56
    column = (_WIDTH - 2 * _MARGIN - 200) / len(SERVER_KINDS)
    for number, entries in enumerate(legend):
        y = top + _LEGEND_LINE * number
        yield svg.text(_MARGIN, y, entries[0][1], bold=True)
        for place, (color, words) in enumerate(entries[1:]):
            x = _MARGIN + 200 + column * place
            yield svg.rect(x, y - 10, 12, 12, color)
            yield svg.text(x + 18, y, words)


def _color(one: Slice, plan: VramPlan) -> str:
    if one.model is None:
        return _OTHERS[one.kind]
    models = [share.model for share in plan.shares]
    return _SERVERS[models.index(one.model) % len(_SERVERS)][SERVER_KINDS.index(one.kind)]


class _Panel:
    """Curves over layers on the card, under the bounds of the plan."""

    def __init__(self, plan: VramPlan, sweep: Sweep, top: float) -> None:
        self._plan, self._sweep = plan, sweep
        self._left, self._right = _MARGIN + 40, _WIDTH - _MARGIN - 120
        self._top, self._bottom = top + 36, top + _PANEL_HEIGHT - 52
        self._layers = len(sweep.curves[0].used) - 1
        highest = max(max(curve.used) for curve in sweep.curves)
        # A context that needs many cards would press everything else to the ground: it leaves the picture instead.
        self._most = max(plan.budget.card.total, sweep.used, min(highest, 2 * plan.budget.card.total)) * 1.05
        models = [share.model for share in plan.shares]
        self._colors = _SERVERS[models.index(sweep.model) % len(_SERVERS)]

    def drawn(self) -> Iterator[str]:
        """Yield all elements."""
        title = (
            f"{self._sweep.model}: MiB that all servers take together, by its layers and its context (dot: the plan)"
        )
        yield svg.text(_MARGIN, self._top - 16, title, bold=True)
        yield from self._axes()
        yield from self._curves()
        yield from self._bound(self._plan.limit, f"models: at most {_mib(self._plan.limit)} MiB")
        yield svg.circle(self._x(self._sweep.gpu_layers), self._y(self._sweep.used), self._colors[0])

    def _x(self, layers: float) -> float:
        return self._left + (self._right - self._left) * layers / self._layers

    def _y(self, size: float) -> float:
        return self._bottom - (self._bottom - self._top) * size / self._most

    def _axes(self) -> Iterator[str]:
        for place in _ticks(int(self._most)):
            yield svg.line(self._left, self._y(place), self._right, self._y(place), svg.FAINT)
            yield svg.text(self._left - 8, self._y(place) + 4, f"{place // _MIB}", "end", svg.QUIET)
        step = max(1, self._layers // 12)
        for layers in range(0, self._layers + 1, step):
            yield svg.text(self._x(layers), self._bottom + 18, str(layers), "middle", svg.QUIET)
        yield svg.text((self._left + self._right) / 2, self._bottom + 36, "layers on the card", "middle", svg.QUIET)

    def _curves(self) -> Iterator[str]:
        lowest = self._bottom + _LABEL_GAP
        for number, curve in enumerate(self._sweep.curves):
            color = self._colors[min(number, 2)]
            points = self._visible(curve)
            yield svg.polyline(points, color)
            # The largest context ends highest: labels go up, none over the one before.
            lowest = min(points[-1][1] + 4, lowest - _LABEL_GAP)
            yield svg.text(self._right + 8, lowest, f"context {curve.context}", color=color)

    def _visible(self, curve: Curve) -> list[tuple[float, float]]:
        inside = [(self._x(layers), self._y(size)) for layers, size in enumerate(curve.used) if size <= self._most]
        return inside or [(self._left, self._top)]

    def _bound(self, size: int, words: str) -> Iterator[str]:
        yield svg.line(self._left, self._y(size), self._right, self._y(size), _BOUND, "4 3")
        yield svg.text(self._left + 4, self._y(size) - 4, words, "start", _BOUND)


def _ticks(whole: int) -> Iterator[int]:
    """Yield round places from zero to the whole: four to ten of them."""
    step = _MIB
    while whole // step > 10:
        step *= 2
    yield from range(0, whole + 1, step)


def _mib(size: int) -> str:
    return f"{size / _MIB:.0f}"
