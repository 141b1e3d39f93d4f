"""The small vocabulary of inline SVG that the reports draw with: scales, frames, marks, steps and bars.

Text in, text out; how it looks (colours, light and dark) is said once, by class, in the page's style sheet.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from flytekit_sagemaker.reporting.wording import cut, number

_LETTER_WIDTH, _TITLE_LETTER_WIDTH = 7.0, 7.6
_MOST_TICKS = 20
_LABEL_WIDTH, _LABEL_HEIGHT = 50.0, 34.0

# Each mark has a shape of its own, so that nothing is told by colour alone.
_MARKS = {
    "done": '<circle r="4.2"/>',
    "stopped": '<rect x="-3.6" y="-3.6" width="7.2" height="7.2"/>',
    "running": '<circle r="3.4"/>',
    "without": '<path d="M0-5 5 0 0 5-5 0Z"/>',
    "failed": '<path d="M-4-4 4 4M-4 4 4-4"/>',
    "best": '<path d="M0-8 2.3-2.6 8-2.3 3.6 1.4 5 7 0 3.9-5 7-3.6 1.4-8-2.3-2.3-2.6Z"/>',
    "beyond": '<path d="M-5 3 0-5 5 3Z"/>',
}


@dataclass(frozen=True)
class Scale:
    """Values on one axis: where each falls between the pixels ``start`` and ``end``, and which are labelled."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False
    labels: Mapping[float, str] | None = None

    def __call__(self, value: float) -> float:
        inside = min(self.high, max(self.low, value))
        # Halves, since the distance of two finite numbers may be infinite.
        low, high, at = (math.log(v) if self.logarithmic else v / 2 for v in (self.low, self.high, inside))
        share = (at - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self) -> Mapping[float, str]:
        """Value to label, no more than there is room for."""
        if self.labels is not None:
            return self.labels
        room = _LABEL_WIDTH if self.end > self.start else _LABEL_HEIGHT
        count = min(8, max(2, int(abs(self.end - self.start) / room)))
        values = (log_ticks if self.logarithmic else nice_ticks)(self.low, self.high, count)
        return {value: number(value) for value in values}


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About ``count`` round values between the bounds, a step of 1, 2 or 5 times a power of ten apart.

    There are at least two, the bounds themselves where there are no round ones, unless the bounds are one value.
    """
    if not high > low:
        return [low]
    rough = (high / 2 - low / 2) / count * 2
    if count > _MOST_TICKS or not sys.float_info.min <= rough <= sys.float_info.max / 10:
        return [low, high]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    digits = max(0, 1 - math.floor(math.log10(step)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [round(index * step, digits) + 0.0 for index in range(first, last + 1)]
    return values if len(values) > 1 else nice_ticks(low, high, count + 1)


def log_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Powers of ten between the bounds, with 2 and 5 times them where there are few; nice ones where there are none."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1,), (1, 3), (1, 2, 5)):
        every = (float(f"{factor}e{power}") for power in range(first, last + 1) for factor in factors)
        inside = [value for value in every if low * 0.999 <= value <= min(high * 1.001, sys.float_info.max)]
        if len(inside) >= 3:
            return inside[:: math.ceil(len(inside) / max(3, count))]
    return nice_ticks(low, high, count)


def focus(values: Sequence[float], direction: str) -> tuple[float, float]:
    """Bounds that show the good values well: a diverged few at the bad end do not flatten all the others."""
    if not values:
        return 0.0, 1.0
    ordered = sorted(values)
    low, high = ordered[0], ordered[-1]
    quarter, middle, most = (ordered[int(share * (len(ordered) - 1))] for share in (0.25, 0.5, 0.75))
    reach = 6 * (most - quarter)
    if reach and direction == "Maximize":
        low = next(value for value in ordered if value >= middle - reach)
    elif reach:
        high = next(value for value in reversed(ordered) if value <= middle + reach)
    return widened(low, high, 0.07)


def widened(low: float, high: float, share: float) -> tuple[float, float]:
    """Finite bounds that are further apart by a share of their distance at either end, or by a little of one value."""
    margin = 2 * share * (high / 2 - low / 2) or abs(high) * 0.05 or 1.0
    return max(low - margin, -sys.float_info.max), min(high + margin, sys.float_info.max)


def mark(kind: str, x: float, y: float, title: str, css: str = "") -> str:
    """One glyph at a place, with a native tooltip."""
    tooltip = f"<title>{escape(title)}</title>" if title else ""
    return f'<g class="mark {kind} {css}" transform="translate({x:.1f} {y:.1f})">{tooltip}{_MARKS[kind]}</g>'


def steps(places: Iterable[tuple[float, float]], css: str) -> str:
    """A line that keeps its height until the next place."""
    commands = [f"M{x:.1f} {y:.1f}" if not index else f"H{x:.1f}V{y:.1f}" for index, (x, y) in enumerate(places)]
    return f'<path class="{css}" d="{"".join(commands)}"/>' if commands else ""


def text(x: float, y: float, words: str, css: str = "", anchor: str = "middle", length: int = 0) -> str:
    """Words at a place; with a ``length`` cut to it, the whole then being the tooltip."""
    shown = cut(words, length) if length else words
    tooltip = f"<title>{escape(words)}</title>" if shown != words else ""
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{tooltip}{escape(shown)}</text>'


def frame(x: Scale, y: Scale, x_title: str, y_title: str) -> str:
    """Grid lines, tick labels and titles of the two axes; the y title sits above, where it can be read."""
    parts = []
    for value, label in y.ticks().items():
        at = y(value)
        parts.append(f'<path class="grid" d="M{x.start:.1f} {at:.1f}H{x.end:.1f}"/>')
        parts.append(text(x.start - 7, at + 4, label, "tick", "end"))
    x_ticks = x.ticks()
    room = int((x.end - x.start) / max(1, len(x_ticks)) / _LETTER_WIDTH)
    for value, label in x_ticks.items():
        parts.append(f'<path class="axis" d="M{x(value):.1f} {y.start:.1f}v4"/>')
        parts.append(text(x(value), y.start + 17, label, "tick", length=max(2, room)))
    parts.append(f'<path class="axis" d="M{x.start:.1f} {y.start:.1f}H{x.end:.1f}"/>')
    parts.append(
        text(x.end, y.start + 34, x_title, "title", "end", length=int((x.end - x.start) / _TITLE_LETTER_WIDTH))
    )
    parts.append(text(2, 13, y_title, "title", "start", length=int(x.end / _TITLE_LETTER_WIDTH)))
    return "".join(parts)


def svg(width: float, height: float, label: str, *parts: str, css: str = "") -> str:
    """A drawing that takes the width it is given; ``label`` is what a screen reader says."""
    return (
        f'<svg class="{css}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )
