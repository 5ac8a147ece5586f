"""A small chart as SVG text: marks and lines over two axes, legible on white and on black."""

import math
from collections.abc import Mapping, Sequence
from html import escape

Point = tuple[float, float]

_WIDTH, _HEIGHT = 640, 360
"""Of the plot with its axes; the names of the series stand to the right of it."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 32, 28, 48
_COLORS = ("#3b82c4", "#d9730d", "#2f9e6e", "#a259c4", "#c4483b", "#8a8a8a", "#8c6d31", "#d66bb0")
_INK = "#808080"
_LETTER = 7
"""Width of a letter of a name, about."""


def chart(series: Mapping[str, Sequence[Point]], x_label: str, y_label: str, log_x: bool = False) -> str:
    """Name -> points (x, y), joined in the order of x; without any point, a chart that says so.

    Where there are more series than colours, the marks of the further ones are hollow.
    log_x: x is drawn by its logarithm to base 2, and has to be above 0.
    """
    kept = {name: sorted(points) for name, points in series.items() if points}
    middle = f'x="{_WIDTH // 2}" text-anchor="middle"'
    width = _WIDTH + _LETTER * max((len(name) + 2 for name in kept), default=0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="12" fill="{_INK}">'
    ]
    if not kept:
        return "\n".join([*parts, f'<text {middle} y="{_HEIGHT // 2}">nothing is measured yet</text>', "</svg>"]) + "\n"
    scale = math.log2 if log_x else float
    places = [(scale(x), y) for points in kept.values() for x, y in points]
    xs, ys = _ticks([x for x, _ in places], whole=log_x), _ticks([y for _, y in places])

    def at(x: float, y: float) -> tuple[str, str]:
        across = _LEFT + (x - xs[0]) / (xs[-1] - xs[0]) * (_WIDTH - _LEFT - _RIGHT)
        up = _HEIGHT - _BOTTOM - (y - ys[0]) / (ys[-1] - ys[0]) * (_HEIGHT - _TOP - _BOTTOM)
        return f"{across:.1f}", f"{up:.1f}"

    for x in xs:
        left, _ = at(x, ys[0])
        said = f"{2**x:,.0f}" if log_x else f"{x:g}"
        parts.append(f'<text x="{left}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{said}</text>')
    for y in ys:
        left, top = at(xs[0], y)
        parts.append(f'<path d="M{left} {top}H{_WIDTH - _RIGHT}" stroke="{_INK}" stroke-opacity=".25"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{top}" dy="4" text-anchor="end">{y:g}</text>')
    parts.append(f'<text {middle} y="{_HEIGHT - 8}">{escape(x_label)}</text>')
    parts.append(f'<text x="{_LEFT}" y="14">{escape(y_label)}</text>')
    for number, (name, points) in enumerate(kept.items()):
        again, place = divmod(number, len(_COLORS))
        color = _COLORS[place]
        mark, fill = ("○", f'fill="none" stroke="{color}"') if again else ("●", f'fill="{color}"')
        marks = [at(scale(x), y) for x, y in points]
        parts.append(f'<path d="M{"L".join(" ".join(m) for m in marks)}" fill="none" stroke="{color}"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3.5" {fill}/>' for x, y in marks]
        line = _TOP + 4 + 17 * number
        parts.append(f'<text x="{_WIDTH - _RIGHT + 16}" y="{line}" fill="{color}">{mark} {escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _ticks(values: Sequence[float], whole: bool = False) -> list[float]:
    """About five round numbers, the first not above and the last not below any of the values."""
    low, high = min(values), max(values)
    rough = (high - low or abs(high) or 1) / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    if whole:
        step = max(1, math.ceil(step))
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(n * step, 10) for n in range(first, max(last, first + 1) + 1)]
