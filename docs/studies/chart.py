"""Figures of several panels as SVG text, drawn by matplotlib: legible on white and on black."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

Point = tuple[float, float]


class Curve(NamedTuple):
    """points: (x, y). kind: "reported", the budget of the runs that were measured, or "rows": points without a line."""

    name: str
    points: Sequence[Point]
    kind: str = "short"


@dataclass(frozen=True)
class Panel:
    """Curves over two axes.

    log_x: by powers of 2, x above 0. log_y: by powers of 10. percent: y is a share. dense: so many points that
    they have no marks.
    """

    title: str
    x: str
    y: str
    curves: Sequence[Curve]
    log_x: bool = False
    log_y: bool = False
    percent: bool = False
    dense: bool = False


_INK = "#808080"
_COLORS = (
    *("#3b82c4", "#d9730d", "#2f9e6e", "#a259c4", "#c4483b", "#8c6d31"),
    *("#d66bb0", "#4ba3a8", "#8a8a8a", "#6a5acd", "#9aa637", "#b5651d"),
)
_PANEL = (3.7, 2.9)
"""Inches."""
_BESIDE = 6
"""Entries of a legend for which there is no room among the curves."""
_MARKS: dict[str, dict[str, Any]] = {
    "reported": {"marker": "D", "linestyle": ":", "fillstyle": "none"},
    "short": {"marker": "^", "linestyle": "-"},
    "long": {"marker": "s", "linestyle": "-"},
    "full": {"marker": "o", "linestyle": "-"},
    "rows": {"marker": "o", "linestyle": ""},
}
_DASHES: dict[str, dict[str, Any]] = {
    "short": {"linestyle": "-"},
    "long": {"linestyle": "--"},
    "full": {"linestyle": "-."},
}
"""Instead of marks where points are dense."""
_STYLE: dict[str, Any] = {
    "font.size": 8,
    "font.sans-serif": ["DejaVu Sans"],
    "axes.titlesize": 9,
    "legend.fontsize": 7,
    "lines.markersize": 3.5,
    "lines.linewidth": 1,
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "grid.color", "xtick.color", "ytick.color"), _INK
    ),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.alpha": 0.25,
    "svg.fonttype": "none",  # words stay words
    "svg.hashsalt": "vqzoo",  # the same file every time
}


def draw(panels: Sequence[Panel], columns: int = 3) -> str:
    """Draw panels as SVG text.

    A name has one colour in all panels. Marks tell reported figures from those of each budget. A legend lists only the
    names that no earlier legend has.
    """
    names = list(dict.fromkeys(curve.name for panel in panels for curve in panel.curves))
    assert len(names) <= len(_COLORS)
    colors = dict(zip(names, _COLORS, strict=False))
    rows = -(-len(panels) // columns)
    labelled: set[tuple[str, str]] = set()
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]  # the stubs list every key
        figure = Figure(figsize=(columns * _PANEL[0], rows * _PANEL[1]), layout="constrained")
        for number, panel in enumerate(panels, 1):
            axes = figure.add_subplot(rows, columns, number)
            _draw_panel(axes, panel, colors)
            _add_legend(axes, panel, colors, labelled)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    return out.getvalue()


def _draw_panel(axes: Axes, panel: Panel, colors: dict[str, str]) -> None:
    axes.set(title=panel.title, xlabel=panel.x, ylabel=panel.y)
    axes.tick_params(length=0, which="both")
    if not panel.curves:
        axes.text(0.5, 0.5, "nothing is measured yet", ha="center", transform=axes.transAxes)
        return
    styles = _DASHES if panel.dense else _MARKS
    for curve in panel.curves:
        xs, ys = zip(*sorted(curve.points), strict=True)
        axes.plot(xs, ys, color=colors[curve.name], **styles[curve.kind])
    axes.xaxis.set_major_locator(MaxNLocator(6))
    if panel.log_x:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(LogLocator(base=4, numticks=5))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    if panel.log_y:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
    scale, unit = (100, "%") if panel.percent else (1, "")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{scale * y:.4g}{unit}"))


def _add_legend(axes: Axes, panel: Panel, colors: dict[str, str], labelled: set[tuple[str, str]]) -> None:
    """Names by their colours, and kinds by their marks or dashes; `labelled` grows by what it tells."""
    names = list(dict.fromkeys(curve.name for curve in panel.curves))
    kinds = list(dict.fromkeys(curve.kind for curve in panel.curves))
    entries = {(name, "color"): Line2D([], [], color=colors[name], label=name) for name in names}
    if len(kinds) > 1:
        by, styles = ("dashes", _DASHES) if panel.dense else ("marks", _MARKS)
        entries |= {(kind, by): Line2D([], [], color=_INK, label=kind, **styles[kind]) for kind in kinds}
    elif len(names) < 2:
        return  # the title tells it
    new = [entry for key, entry in entries.items() if key not in labelled]
    labelled.update(entries)
    if len(new) >= _BESIDE:
        axes.legend(handles=new, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    elif new:
        axes.legend(handles=new, frameon=False)
