"""One experiment as a picture: what clients got second by second, and how long they waited."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.drill.model import Moments, Request

_WIDTH, _HEIGHT = 900, 260
_LEFT, _RIGHT = 60, 12  # margins
_BARS = (40, 130)  # from and to, downwards: answers of each second
_WAITS = (150, 220)  # the longest wait that ended in each second
_MOST_BINS = 240

_FIRST, _OTHER, _FAILED = "#2f6f9f", "#8fb8d8", "#c0392b"
_LEGEND = ((_FIRST, "first choice"), (_OTHER, "another server"), (_FAILED, "failed"))


@dataclass(frozen=True, slots=True)
class _Scale:
    """From seconds to places on the picture."""

    begin: float
    end: float

    def x(self, moment: float) -> float:
        """Return the place of a moment."""
        share = (moment - self.begin) / (self.end - self.begin)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def draw_timeline(title: str, requests: Sequence[Request], moments: Moments) -> str:
    """Return an SVG of one experiment. The first choice is the server that answered most before the fault."""
    begin = min((one.start for one in requests), default=0.0)
    end = max(moments.end, *(one.end for one in requests), begin + 1.0) if requests else max(moments.end, 1.0)
    scale = _Scale(begin, end)
    step = max(1.0, (end - begin) / _MOST_BINS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="16" font-size="13">{escape(title)}</text>',
        *_legend(),
        *_bars(requests, scale, step, _first_choice(requests, moments)),
        *_waits(requests, scale, step),
        *_axis(scale),
        *_moments(moments, scale),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _first_choice(requests: Sequence[Request], moments: Moments) -> str | None:
    servers = Counter(one.server for one in requests if one.server and one.end < moments.fault)
    return max(servers, key=lambda server: servers[server], default=None)


def _legend() -> list[str]:
    return [
        f'<rect x="{560 + 110 * place}" y="7" width="10" height="10" fill="{color}"/>'
        f'<text x="{575 + 110 * place}" y="16">{words}</text>'
        for place, (color, words) in enumerate(_LEGEND)
    ]


def _bars(requests: Sequence[Request], scale: _Scale, step: float, first: str | None) -> list[str]:
    """Stack what ended in each bin: the first choice's answers, those of others, failures."""
    counts: Counter[tuple[int, str]] = Counter()
    for one in requests:
        color = _FAILED if not one.good else _FIRST if one.server in (first, None) else _OTHER
        counts[int((one.end - scale.begin) / step), color] += 1
    bins = {place for place, _ in counts}
    most = max((sum(counts[place, color] for color, _ in _LEGEND) for place in bins), default=1)
    top, bottom = _BARS
    found = [f'<text x="{_LEFT - 6}" y="{top + 8}" text-anchor="end">{most / step:.0f}/s</text>']
    for place in sorted(bins):
        x, y = scale.x(scale.begin + place * step), float(bottom)
        width = max(0.8, scale.x(scale.begin + step) - _LEFT - 0.6)
        for color, _ in _LEGEND:
            height = counts[place, color] / most * (bottom - top)
            if height:
                y -= height
                found.append(f'<rect x="{x}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{color}"/>')
    return found


def _waits(requests: Sequence[Request], scale: _Scale, step: float) -> list[str]:
    """Draw the longest wait that ended in each bin as a line."""
    longest: dict[int, float] = {}
    for one in requests:
        place = int((one.end - scale.begin) / step)
        longest[place] = max(longest.get(place, 0.0), one.end - one.start)
    most = max(longest.values(), default=1.0) or 1.0
    top, bottom = _WAITS
    points = " ".join(
        f"{scale.x(scale.begin + (place + 0.5) * step)},{bottom - wait / most * (bottom - top):.1f}"
        for place, wait in sorted(longest.items())
    )
    return [
        f'<text x="{_LEFT - 6}" y="{top + 8}" text-anchor="end">{most:.2g} s</text>',
        f'<polyline points="{points}" fill="none" stroke="#444444" stroke-width="1"/>',
    ]


def _axis(scale: _Scale) -> list[str]:
    """Draw the time below, with about ten marks."""
    bottom = _WAITS[1]
    step = next((one for one in (1, 2, 5, 10, 20, 30, 60, 120, 300) if (scale.end - scale.begin) / one <= 12), 600)
    marks = range(-(int(-scale.begin) // step) * step, int(scale.end) + 1, step)
    line = f'<line x1="{_LEFT}" y1="{bottom}" x2="{_WIDTH - _RIGHT}" y2="{bottom}" stroke="#888888"/>'
    texts = [
        f'<text x="{scale.x(mark)}" y="{bottom + 14}" text-anchor="middle" fill="#666666">{mark} s</text>'
        for mark in marks
        if scale.begin <= mark <= scale.end
    ]
    return [line, *texts]


def _moments(moments: Moments, scale: _Scale) -> list[str]:
    """Mark when the fault began and ended, and when its service was well again."""
    named = (("fault", moments.fault), ("undone", moments.undone), ("healthy", moments.healthy))
    found = []
    for row, (words, moment) in enumerate(named):
        if moment is None:
            continue
        x = scale.x(min(moment, scale.end))
        found.append(
            f'<line x1="{x}" y1="{_BARS[0] - 10}" x2="{x}" y2="{_WAITS[1]}" stroke="#333333" stroke-dasharray="3 3"/>'
        )
        found.append(
            f'<text x="{x + 3}" y="{_HEIGHT - 4}" fill="#333333">{words} {moment:.1f} s</text>'
            if row
            else f'<text x="{x + 3}" y="{_BARS[0] - 4}" fill="#333333">{words} {moment:.1f} s</text>'
        )
    return found
