"""A small chart of reported and measured values, as SVG that takes the colours of the page."""

from collections.abc import Sequence
from html import escape

from vqzoo.metrics.table import METRICS
from vqzoo.studies.compare import Compared

_WIDTH, _HEIGHT = 340, 120
_LEFT, _TOP, _BOTTOM = 54, 10, 12
"""Pixels of the view, of the room for the scale, and of the margins."""


def chart(shown: Sequence[Compared], metric: str, dataset: str) -> str:
    """Return a figure with a mark for each reported and each measured value, row by row; "" without any."""
    reported = [(index, each.reported) for index, each in enumerate(shown) if each.reported is not None]
    measured = [(index, each.measured) for index, each in enumerate(shown) if each.measured is not None]
    values = [value for _, value in (*reported, *measured)]
    if not values:
        return ""
    low, high = min(values), max(values)

    def at(index: int, value: float) -> tuple[float, float]:
        x = _LEFT + 12 + (_WIDTH - _LEFT - 24) * (index + 0.5) / len(shown)
        return x, _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / ((high - low) or 1)

    marks = ""
    for points, kind in ((reported, "reported"), (measured, "measured")):
        for index, value in points:
            x, y = at(index, value)
            title = escape(f"{shown[index].row.setting.label}, {kind}: {METRICS[metric].text(value)}")
            shape = (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
                if kind == "measured"
                else f'<path d="M{x:.1f} {y - 5:.1f}l5 5-5 5-5-5z"/>'
            )
            marks += f'<g class="{kind}"><title>{title}</title>{shape}</g>'
    scale = "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y}" y2="{y}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{METRICS[metric].text(value)}</text>'
        for value, y in dict([(low, _HEIGHT - _BOTTOM), (high, _TOP)] if high > low else [(high, _TOP)]).items()
    )
    about = f"{METRICS[metric].title} of {len(shown)} settings on {dataset}, {METRICS[metric].better} is better"
    key = " · ".join(["◇ reported"] * bool(reported) + ["● measured here"] * bool(measured))
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(about)}">{scale}{marks}</svg>'
        f"<figcaption>{escape(about)}: {key}</figcaption></figure>"
    )
