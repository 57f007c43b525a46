"""The few elements of SVG that a chart needs. Every text is escaped; coordinates are pixels."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Anchor = Literal["start", "middle", "end"]
# What XML 1.0 cannot hold, not even escaped.
_UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
INK, QUIET, FAINT = "#1f2933", "#616e7c", "#d9dee4"


def document(width: int, height: int, title: str, body: Iterable[str]) -> str:
    """Return a whole picture, with a name for those who do not see it."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" font-family="system-ui, sans-serif" font-size="12">'
    )
    return "\n".join([head, f"<title>{_words(title)}</title>", rect(0, 0, width, height, "#ffffff"), *body, "</svg>\n"])


def moved(down: float, body: Iterable[str]) -> str:
    """Return elements further down."""
    return "\n".join([f'<g transform="translate(0 {down:.1f})">', *body, "</g>"])


def rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    """Return a filled rectangle."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'


def line(x1: float, y1: float, x2: float, y2: float, color: str, dash: str = "") -> str:
    """Return a straight line."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"{dashed}/>'


def polyline(points: Sequence[tuple[float, float]], color: str) -> str:
    """Return a line through all points."""
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="1.8" stroke-linejoin="round"/>'


def circle(x: float, y: float, color: str) -> str:
    """Return a dot."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{color}" stroke="#ffffff" stroke-width="1.5"/>'


def text(x: float, y: float, words: str, anchor: Anchor = "start", color: str = INK, *, bold: bool = False) -> str:
    """Return one line of text; y is its baseline."""
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}"{weight}>{_words(words)}</text>'


def _words(words: str) -> str:
    return escape(_UNSPEAKABLE.sub("\ufffd", words))
