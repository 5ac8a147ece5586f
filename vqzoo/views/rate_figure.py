"""The rate-distortion plane as a figure, a table and text."""

import math
from collections.abc import Sequence
from os.path import commonprefix
from typing import Any

import plotly.graph_objects as go

from vqzoo.analysis.formats import CODECS
from vqzoo.analysis.powerlaw import PowerLaw
from vqzoo.analysis.ranks import kendall, ranks, swapped
from vqzoo.metrics.table import METRICS, names
from vqzoo.ops.check import check_choice
from vqzoo.views.rate import (
    AXES,
    DISTORTIONS,
    KINDS,
    KMEANS,
    OWN,
    PCA,
    PLAIN,
    SCALAR,
    SEVERAL,
    Plotted,
    Point,
    Rates,
    front,
    placed,
)
from vqzoo.views.rate_labels import annotations, frame_of
from vqzoo.views.style import ACCENT, QUIET, message, styled

# Kind -> colour and symbol; the colours are legible in light and dark mode.
_MARKERS = {
    KINDS[0]: (ACCENT, "circle"),
    SEVERAL: ("#d9622b", "diamond"),
    SCALAR: ("#1f9d86", "square"),
    PCA: ("#c2528b", "cross"),
    KMEANS: ("#8f7a66", "x"),
    PLAIN: (QUIET, "star"),
    "JPEG": ("#a8811a", "triangle-up"),
    "WebP": ("#3f88d4", "triangle-down"),
    "AVIF": ("#579a35", "triangle-right"),
    OWN: ("#d6336c", "star-diamond"),
}
_HEIGHT, _TOP, _BOTTOM = 580, 12, 56
"""Height of a figure and its margins, in pixels."""


def rate_figure(rates: Rates, dataset: str, axis: str, metric: str, own: Sequence[Point] = ()) -> go.Figure:
    """Draw models as points, joined within a series, and codecs as curves if they have a value on the axis.

    `own` are drawn, too. Raises ValueError for an unknown data set, axis or metric.
    """
    check(rates, dataset, axis, metric)
    plotted = placed([*rates.models(dataset), *rates.codecs(dataset), *own], axis, metric)
    if not plotted:
        return message(f"No model of {dataset} has this metric.")
    wide = max(x for _, x, _ in plotted) > 8 * min(x for _, x, _ in plotted)
    return plane(plotted, AXES[axis].label, metric, log=wide)


def check(rates: Rates, dataset: str, axis: str, metric: str) -> None:
    """Raise ValueError with the nearest names for an unknown data set, axis or metric."""
    check_choice("data set", dataset, rates.datasets())
    check_choice("axis", axis, AXES)
    check_choice("metric", metric, DISTORTIONS)


def plane(plotted: Sequence[Plotted], x_title: str, metric: str, log: bool = True) -> go.Figure:
    """Draw points with names and details as hover text, the Pareto front, and a mark of which way is better.

    `log` makes the horizontal axis logarithmic. Points without a quantizer can lie beyond the axes' first ranges.
    """
    figure = go.Figure()
    best = front(plotted, metric)
    _add_front(figure, best, plotted)
    _add_lines(figure, plotted)
    _add_points(figure, plotted, x_title, METRICS[metric].title)
    styled(figure, _HEIGHT)
    frame = frame_of([each for each in plotted if each.point.kind != PLAIN] or plotted, log, _HEIGHT - _TOP - _BOTTOM)
    figure.update_layout(annotations=[_better(metric), *annotations(_named(plotted, best), frame)])
    figure.update_xaxes(title_text=x_title, type="log" if log else "linear", range=frame.x)
    figure.update_yaxes(title_text=METRICS[metric].title, range=frame.y)
    return below(figure)


def _add_front(figure: go.Figure, best: Sequence[Plotted], plotted: Sequence[Plotted]) -> None:
    """Add the front as stairs: the best quality at no more than x."""
    if best:
        end = max([each.x for each in plotted if each.point.kind != PLAIN])
        figure.add_scatter(
            x=[*(each.x for each in best), end],
            y=[*(each.y for each in best), best[-1].y],
            mode="lines",
            line={"color": "rgba(124,108,240,0.35)", "width": 5, "shape": "hv"},
            name="Pareto front",
            hoverinfo="skip",
        )


def _add_lines(figure: go.Figure, plotted: Sequence[Plotted]) -> None:
    """Join the points of each series."""
    by_series: dict[str, list[Plotted]] = {}
    for each in sorted(plotted, key=lambda each: each.x):
        by_series.setdefault(each.point.series, []).append(each)
    for series in by_series.values():
        if len({x for _, x, _ in series}) > 1:
            kind = series[0].point.kind
            figure.add_scatter(
                x=[x for _, x, _ in series],
                y=[y for *_, y in series],
                mode="lines",
                line={"color": _MARKERS[kind][0], "width": 1.5, "dash": "dot" if kind in CODECS else "solid"},
                hoverinfo="skip",
                showlegend=False,
                legendgroup=kind,
            )


def _add_points(figure: go.Figure, plotted: Sequence[Plotted], x_title: str, y_title: str) -> None:
    """Add a marker for each point, those of half the longest training or less fainter."""
    longest = max((point.trained for point, *_ in plotted if point.trained is not None), default=0.0)
    for kind in (*KINDS, *CODECS, OWN):
        mine = [each for each in plotted if each.point.kind == kind]
        if mine:
            colour, symbol = _MARKERS[kind]
            figure.add_scatter(
                x=[x for _, x, _ in mine],
                y=[y for *_, y in mine],
                mode="markers",
                name=kind,
                legendgroup=kind,
                marker={
                    "color": colour,
                    "symbol": symbol,
                    "size": 10,
                    "opacity": [0.45 if (point.trained or 1) < longest / 2 else 1.0 for point, *_ in mine],
                    "line": {"width": 1.5, "color": colour},
                },
                text=[point.name for point, *_ in mine],
                customdata=[_hover(point) for point, *_ in mine],
                hovertemplate=f"<b>%{{text}}</b><br>{y_title}: %{{y:.5~g}}<br>{x_title}: %{{x:,.5~g}}"
                "<br>%{customdata}<extra></extra>",
            )


def _better(metric: str) -> dict[str, Any]:
    """Return the annotation that says which corner is best; page.css keeps this first one on narrow windows."""
    up = METRICS[metric].sign > 0
    return {
        "text": f"{'↖' if up else '↙'} better: fewer bits, {METRICS[metric].better} {METRICS[metric].label}",
        "xref": "paper",
        "yref": "paper",
        "x": 0.005,
        "y": 1.0 if up else 0.0,
        "xanchor": "left",
        "yanchor": "top" if up else "bottom",
        "showarrow": False,
        "font": {"size": 12},
    }


def _named(plotted: Sequence[Plotted], best: Sequence[Plotted]) -> list[tuple[Plotted, str, bool]]:
    """Return the points that get a name beside them: models, a visitor's own, and the last of each codec's curve."""
    last = {each.point.kind: each for each in sorted(plotted, key=lambda each: each.x) if each.point.kind in CODECS}
    models = [each for each in plotted if each.point.kind == OWN or each.point.whole and each.point.kind != PLAIN]
    prefix = commonprefix([each.point.name for each in models if each.point.kind != OWN])
    cut = prefix.rfind("-") + 1 if len(models) > 1 else 0
    names = [(each, each.point.name[0 if each.point.kind == OWN else cut :]) for each in models]
    names += [(each, each.point.kind) for each in last.values()]
    return [(each, name, each in best) for each, name in names]


def below(figure: go.Figure) -> go.Figure:
    """Move the legend of a styled figure under the plot, where it has the whole width of a narrow screen."""
    ticks = 66  # pixels; Plotly widens the bottom for the legend
    figure.update_layout(
        hovermode="closest",
        margin={"l": 56, "r": 12, "t": _TOP, "b": _BOTTOM},
        legend={"x": 0, "xanchor": "left", "y": -ticks / (figure.layout.height - _TOP - _BOTTOM), "yref": "paper"},
    )
    return figure


def _hover(point: Point) -> str:
    lines = [f"{point.kind}; {point.note}"]
    if (bits := point.metrics.get("bits_per_image")) is not None:
        lines.append(f"{bits:,.0f} true bits an image")
    if point.cost is not None and point.cost.books:
        cost = point.cost
        lines.append(
            f"codebooks: {len(cost.books):,}, the largest of {cost.codebook_size:,}; {cost.codevectors:,} codevectors"
        )
    return "<br>".join(lines)


TABLE_METRICS = names("image", "set", table="rates")
TABLE_COLUMNS = ("model", "kind", *(METRICS[name].title for name in TABLE_METRICS), *AXES, "% of full budget")


def rate_table(rates: Rates, dataset: str) -> list[list[Any]]:
    """Return a row of TABLE_COLUMNS per model, fewest bits first; None for missing values."""
    check_choice("data set", dataset, rates.datasets())
    return [
        [
            point.name,
            point.kind,
            *(METRICS[name].rounded(point.metrics.get(name)) for name in TABLE_METRICS),
            *(_plain(axis.value(point)) for axis in AXES.values()),
            None if point.trained is None else round(100 * point.trained, 1),
        ]
        for point in rates.models(dataset)
    ]


def _plain(value: float | None) -> float | None:
    if value is None:
        return None
    return round(value) if value == round(value) or value >= 1000 else round(value, 3)


def story(rates: Rates, dataset: str, axis: str, metric: str) -> str:
    """Return a text on the best models, the order of models on the axis, and caveats, as Markdown."""
    check(rates, dataset, axis, metric)
    models = rates.models(dataset)
    plotted = placed(models, axis, metric)
    if not plotted:
        return f"No model of {dataset} has this metric."
    parts = [f"**{axis}**: {AXES[axis].about}.", _frontier(plotted, metric), _order(models, axis, metric)]
    parts.append(_budget([point for point, *_ in plotted]))
    missing = len(models) - len(plotted)
    if missing:
        parts.append(f"{missing} of {len(models)} models have no place on this axis.")
    return " ".join(part for part in parts if part)


def _frontier(plotted: Sequence[Plotted], metric: str) -> str:
    """Return a sentence on the Pareto front of the models."""
    names = [each.point.name for each in front(plotted, metric)]
    return f"Among the models nothing is better at the same cost or less than {_listed(names)}." if names else ""


def _order(models: Sequence[Point], axis: str, metric: str) -> str:
    """Return a sentence that compares the order of models on the axis with that by true bits."""
    reference = "bits per pixel"
    if axis == reference:
        taus = []
        for other in AXES:
            pairs = _both(models, reference, other)
            tau = kendall([a for _, a, _ in pairs], [b for *_, b in pairs]) if len(pairs) > 1 else None
            if other != reference and tau is not None:
                taus.append(f"{tau:.2f} for {other}")
        return f"How far other axes keep the order of bits, as Kendall's tau (1: the same order): {', '.join(taus)}."
    pairs = _both(models, axis, reference)
    if len(pairs) < 2:
        return ""
    here, bits = [a for _, a, _ in pairs], [b for *_, b in pairs]
    against, ordered = swapped(here, bits)
    tau = kendall(here, bits)
    text = f"Against the order by true bits, {against} of {ordered} pairs of models that both axes order change places"
    text += "" if tau is None else f" (Kendall's tau {tau:.2f})"
    moves = [(abs(a - b), point.name, a, b) for (point, *_), a, b in zip(pairs, ranks(here), ranks(bits), strict=True)]
    distance, name, rank, by_bits = max(moves)
    if distance >= 1:
        text += f"; {name} moves the furthest, from place {by_bits:g} of {len(pairs)} by bits to {rank:g} here"
    return text + "."


def _both(models: Sequence[Point], one: str, two: str) -> list[Plotted]:
    pairs = [(point, AXES[one].value(point), AXES[two].value(point)) for point in models]
    return [Plotted(point, a, b) for point, a, b in pairs if a is not None and b is not None]


def _budget(points: Sequence[Point]) -> str:
    shares = [(point.trained, point.name) for point in points if point.trained is not None]
    if not shares or min(shares)[0] == 1:
        return ""
    (least, first), (most, last) = min(shares), max(shares)
    if least == most:
        return f"All are trained for {least:.1%} of their full budgets, so none shows what it can do."
    return (
        f"**Unequal trainings**: from {least:.1%} of the full budget ({first}) to {most:.1%} ({last}); a difference "
        "between points may be one of training. Fainter ones had less than half as much as the longest."
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def fit_figure(points: Sequence[Plotted], law: PowerLaw, target: float | None) -> go.Figure:
    """Draw PSNR against bits with the law, its 95 % prediction band, and a line at the target PSNR."""
    figure = plane(points, AXES["bits per image"].label, "psnr")
    steps = 60
    bits = [law.lowest / 2 * (4 * law.highest / law.lowest) ** (step / (steps - 1)) for step in range(steps)]
    low, high = zip(*(law.band(each) for each in bits), strict=True)
    figure.add_scatter(
        x=[*bits, *reversed(bits)],
        y=[_psnr(value) for value in (*low, *reversed(high))],
        fill="toself",
        mode="none",
        fillcolor="rgba(124,108,240,0.14)",
        name="95 % of further models",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=bits,
        y=[_psnr(law.distortion(each)) for each in bits],
        mode="lines",
        line={"color": ACCENT, "width": 2},
        name="power law",
        hovertemplate="the law: %{y:.2f} dB at %{x:,.0f} bits<extra></extra>",
    )
    if target is not None:
        figure.add_hline(y=target, line={"color": QUIET, "dash": "dash", "width": 1.5})
    return figure


def _psnr(value: float) -> float:
    return -10 * math.log10(value)
