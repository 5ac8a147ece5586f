"""Names beside the points of a figure, moved apart so that none lies on another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vqzoo.views.rate import Plotted
from vqzoo.views.style import QUIET

_WIDTH = 1270
"""Assumed width of a plot in pixels; the height is known, and on narrow windows page.css hides the names."""
_LINE = 14
_LETTER = 6.4
_GAP = 14
"""Pixels: height of a name, width of its letters, and room between a point and its name."""


@dataclass(frozen=True)
class Frame:
    """The ranges of a plot's axes as Plotly takes them, log10 for a logarithmic one, and its height in pixels."""

    x: tuple[float, float]
    y: tuple[float, float]
    height: int
    log: bool

    def along(self, x: float) -> float:
        """Return an x coordinate as Plotly's annotations take it."""
        return math.log10(x) if self.log else x

    def pixels(self, each: Plotted) -> tuple[float, float]:
        """Return the point's place in pixels, from the left and from the top."""
        across = (self.along(each.x) - self.x[0]) / (self.x[1] - self.x[0])
        return across * _WIDTH, (self.y[1] - each.y) / (self.y[1] - self.y[0]) * self.height


def frame_of(plotted: Sequence[Plotted], log: bool, height: int) -> Frame:
    """Return a frame around the points with room for names at the right."""
    xs = [math.log10(x) if log else x for _, x, _ in plotted]
    ys = [y for *_, y in plotted]
    wide, high = max(xs) - min(xs) or 1.0, max(ys) - min(ys) or 1.0
    return Frame(
        (min(xs) - 0.04 * wide, max(xs) + 0.2 * wide), (min(ys) - 0.08 * high, max(ys) + 0.08 * high), height, log
    )


def annotations(named: Sequence[tuple[Plotted, str, bool]], frame: Frame) -> list[dict[str, Any]]:
    """Return Plotly annotations for points, their names, and whether a name is bold.

    Points whose names would reach each other form a group; its names stand in one column at its right, in the order of
    the points' heights, each joined to its point by a thin line.
    """
    groups: list[list[tuple[float, float, Plotted, str, bool]]] = []
    for x, y, each, name, bold in sorted(
        ((*frame.pixels(each), each, name, bold) for each, name, bold in named), key=lambda item: item[:2]
    ):
        reach = 0.0 if not groups else max(_GAP + _LETTER * len(item[3]) for item in groups[-1])
        if groups and x - groups[-1][-1][0] < reach:
            groups[-1].append((x, y, each, name, bold))
        else:
            groups.append([(x, y, each, name, bold)])
    drawn = []
    for group in groups:
        right = group[-1][0] + _GAP
        group.sort(key=lambda item: item[1])
        for (x, y, each, name, bold), top in zip(group, spread([y for _, y, *_ in group], frame.height), strict=True):
            drawn.append(
                {
                    "x": frame.along(each.x),
                    "y": each.y,
                    "ax": right - x,
                    "ay": top - y,
                    "text": f"<b>{name}</b>" if bold else name,
                    "xanchor": "left",
                    "showarrow": True,
                    "arrowhead": 0,
                    "arrowwidth": 0.8,
                    "arrowcolor": QUIET,
                    "standoff": 6,
                    "font": {"size": 11},
                    "borderpad": 0,
                }
            )
    return drawn


def spread(tops: Sequence[float], height: float, line: float = _LINE) -> list[float]:
    """Return sorted places moved as little as possible (least squares) so that neighbours are `line` apart.

    They stay within [0, height] where there is room: isotonic regression by pooling neighbours.
    """
    blocks: list[list[float]] = []  # sum and number of the places less those of equal distances
    for number, top in enumerate(tops):
        blocks.append([top - number * line, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    free = height - (len(tops) - 1) * line
    levels = [total / count for total, count in blocks for _ in range(int(count))]
    return [min(max(level, 0.0), max(free, 0.0)) + number * line for number, level in enumerate(levels)]
