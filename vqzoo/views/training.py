"""Training curves of models, overlaid."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal, get_args

import numpy as np
import plotly.graph_objects as go

from vqzoo.analysis.log import NOT_TERMS, SELECTION, Columns, by_size, thin
from vqzoo.hub.card import show_trained, trained_share
from vqzoo.hub.model import Model, is_number
from vqzoo.views.style import styled
from vqzoo.views.table import html_table

Against = Literal["steps", "images seen", "seconds", "share of the run"]
AGAINST: tuple[Against, ...] = get_args(Against)
"""What curves are drawn against; a share puts a run that has just begun beside ones that are over."""
Scale = Literal["automatic", "linear", "log"]
SCALES: tuple[Scale, ...] = get_args(Scale)
"""Of the vertical axes; "automatic": logarithmic for losses above 0 whose largest is `_WIDE` times the least."""
_WIDE = 20
LOGARITHMIC = ", log scale"
"""Ending of the title of a panel with a logarithmic scale."""
_AXES = {
    "steps": "step",
    "images seen": "images seen",
    "seconds": "seconds of training",
    "share of the run": "of the run",
}

COLOURS = ("#7c6cf0", "#c8682a", "#1f9e89", "#d1495b", "#3d8fd8", "#8a9a2b", "#b565c9", "#9a7355")
"""Colours of the trainings, in order, legible in light and dark mode."""
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
"""Dashes of the trainings, in order, so that they do not differ in colour alone."""
_POINTS = 500  # per curve: more than a panel has pixels

_TITLES = {
    "gradient_gap": "gradient gap",
    "learning_rate": "learning rate",
    "images_per_second": "images a second",
    "peak_memory_mib": "peak memory, MiB",
}
_LAST = ("usage", "perplexity", SELECTION, "gradient_gap", "learning_rate", "images_per_second", "peak_memory_mib")
"""Panels after the loss and its terms."""
_NEVER_LOG = {"usage", "images_per_second", "peak_memory_mib"}


@dataclass(frozen=True)
class TrainingCurves:
    """The curves of one training.

    Attributes:
        name: the model or run.
        batch_size: images per step.
        train: columns of the training log, as `analysis.log.columns` returns them.
        held_out: columns of the evaluations on held-out images.
        warnings: (step, kind, sentence) of each.
        facts: cells of the table of trainings, by heading.
        steps: how many it has in all; 0 if unknown.
        clock: (step, seconds since the start), ascending; empty if unknown.
    """

    name: str
    batch_size: int
    train: Columns
    held_out: Columns
    warnings: Sequence[tuple[int, str, str]] = ()
    facts: dict[str, str] = field(default_factory=dict)
    steps: int = 0
    clock: Sequence[tuple[float, float]] = ()

    def points(self, key: str, held_out: bool, against: Against) -> tuple[list[float], list[float]]:
        """Return where a quantity has values on the axis `against`, and these values; none on an unknown axis."""
        table = self.held_out if held_out else self.train
        pairs = zip(table.get("step", []), table.get(key, []), strict=False)
        placed = [(self.at(step, against), value) for step, value in pairs if step is not None and value is not None]
        known = [(at, value) for at, value in placed if at is not None]
        return [at for at, _ in known], [value for _, value in known]

    def at(self, step: float, against: Against) -> float | None:
        """Return the place of a step on the axis `against`; None if it is unknown."""
        if against == "images seen":
            return step * self.batch_size
        if against == "share of the run":
            return step / self.steps if self.steps else None
        if against == "seconds":
            steps, seconds = [at for at, _ in self.clock], [at for _, at in self.clock]
            return float(np.interp(step, steps, seconds)) if self.clock else None
        return step


@dataclass(frozen=True, eq=False)
class Panel:
    """A figure and its title."""

    title: str
    figure: go.Figure


def has_curves(model: Model) -> bool:
    """Return whether a model's metrics.json holds training curves; a computed model, such as a PCA, has none."""
    curves = model.metrics.get("curves")
    return (
        model.trained
        and isinstance(curves, dict)
        and any(isinstance(part, dict) and part.get("step") for part in curves.values())
    )


def training_curves(model: Model) -> TrainingCurves:
    """Return the training curves in a model's metrics.json; raises ValueError without any."""
    if not has_curves(model):
        raise ValueError(
            f"{model.name} has no curves: it was computed and not trained step by step, or its card is old."
        )
    curves, training = model.metrics["curves"], model.metrics["training"]
    batch = training["recipe"].get("batch_size")
    steps, best = training.get("steps"), training.get("best_held_out")
    facts = {
        "steps": f"{steps:,}" if isinstance(steps, int) else "–",
        "images seen": f"{training['images']:,}",
        "of the full budget": show_trained(model.metrics) if trained_share(training) is not None else "–",
        "best held-out loss": f"{best:.4g}" if is_number(best) else "–",
        "time": _minutes(training["seconds"]) if is_number(training.get("seconds")) else "–",
        "device": str(training.get("device", "–")),
    }
    train, held_out = (curves.get(split) or {} for split in ("train", "held_out"))
    batch, steps = (value if isinstance(value, int) else 0 for value in (batch, steps))
    seconds = training.get("seconds")
    clock = [(0.0, 0.0), (float(steps), float(seconds))] if steps and is_number(seconds) else []
    return TrainingCurves(model.name, batch or 1, train, held_out, facts=facts, steps=steps, clock=clock)


def curves_of(models: Sequence[Model]) -> dict[str, Any]:
    """Return the curves as data: name -> {"batch_size", "train", "held_out"}."""
    trainings = [training_curves(model) for model in models]
    return {c.name: {"batch_size": c.batch_size, "train": c.train, "held_out": c.held_out} for c in trainings}


def panels(trainings: Sequence[TrainingCurves], against: Against = "steps", scale: Scale = "automatic") -> list[Panel]:
    """Draw one panel per quantity, losses first, and one per training for the selection of codebooks.

    A logarithmic scale is for quantities that may fall by orders of magnitude, and omits values of 0 and less.
    """
    keys = dict.fromkeys(
        key for training in trainings for table in (training.train, training.held_out) for key in table
    )
    terms = [key for key in keys if key not in {*NOT_TERMS, *_LAST} and not key.startswith(SELECTION)]
    drawn = []
    for key in ("loss", *terms, *_LAST):
        if key == SELECTION:
            drawn += [_selection(training, against, len(trainings) > 1) for training in trainings]
        else:
            drawn.append(_overlay(trainings, key, against, "linear" if key in _NEVER_LOG else scale))
    return [panel for panel in drawn if panel.figure.data]


def _is_wide(trainings: Sequence[TrainingCurves], key: str) -> bool:
    """Return whether a quantity falls or rises so far that a linear scale would hide its end."""
    values = [v for one in trainings for held_out in (False, True) for v in one.points(key, held_out, "steps")[1]]
    return bool(values) and min(values) > 0 and max(values) >= _WIDE * min(values)


def _overlay(trainings: Sequence[TrainingCurves], key: str, against: Against, scale: Scale) -> Panel:
    """Draw one quantity: thin lines for training, thick ones with dots for held-out images."""
    figure = go.Figure()
    log = scale == "log" or (scale == "automatic" and key not in _LAST and _is_wide(trainings, key))
    for number, training in enumerate(trainings):
        style = {"color": COLOURS[number % len(COLOURS)], "dash": _DASHES[number % len(_DASHES)]}
        for held_out in (False, True):
            at, values = thin(*training.points(key, held_out, against), _POINTS)
            if log:
                at, values = [x for x, y in zip(at, values, strict=True) if y > 0], [y for y in values if y > 0]
            if at:
                figure.add_scatter(
                    x=at,
                    y=[float(f"{value:.5g}") for value in values],
                    name=f"{escape(training.name, quote=False)}{', held out' if held_out else ''}",
                    mode="lines+markers" if held_out or len(at) == 1 else "lines",
                    line={**style, "width": 2.5 if held_out else 1.5},
                    marker={"size": 7},
                    hovertemplate="%{y:.4~g}",
                )
    _finish(figure, against)
    for number, training in enumerate(trainings if figure.data else ()):
        for step, kind, _ in training.warnings:
            if (where := training.at(step, against)) is None:
                continue
            figure.add_vline(
                x=where,
                line={"color": COLOURS[number % len(COLOURS)], "width": 1, "dash": "dot"},
                annotation={"text": escape(kind, quote=False), "textangle": -90, "font": {"size": 10}},
                annotation_position="top right",
            )
    if log:
        figure.update_yaxes(type="log", dtick="D2")
    if key == "usage":
        figure.update_yaxes(tickformat=".0%", range=[0, 1.02])
    return Panel(_TITLES.get(key, key.replace("_", " ")) + (LOGARITHMIC if log else ""), figure)


def _selection(training: TrainingCurves, against: Against, several: bool) -> Panel:
    figure = go.Figure()
    names = sorted((key for key in training.train if key.startswith(SELECTION)), key=by_size)
    for number, key in enumerate(names):
        at, values = thin(*training.points(key, False, against), _POINTS)
        figure.add_scatter(
            x=at,
            y=[float(f"{value:.4g}") for value in values],
            name=escape(key.removeprefix(SELECTION), quote=False),
            mode="lines" if len(at) > 1 else "markers",
            line={"color": COLOURS[number % len(COLOURS)], "dash": _DASHES[number % len(_DASHES)], "width": 1.8},
            hovertemplate="%{y:.1%}",
        )
    _finish(figure, against)
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    legend = {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.22, "yanchor": "top", "yref": "paper"}
    figure.update_layout(showlegend=True, legend=legend, height=330, margin={"b": 110})
    return Panel("selection of codebooks" + (f", {training.name}" if several else ""), figure)


def _finish(figure: go.Figure, against: Against) -> None:
    styled(figure, 270)
    figure.update_layout(showlegend=False, hovermode="x unified", margin={"l": 58, "r": 14, "t": 40, "b": 42})
    figure.update_layout(hoverlabel={"bgcolor": "#23262d", "font": {"color": "#eceef2"}, "namelength": -1})
    figure.update_xaxes(title={"text": _AXES[against], "standoff": 6}, rangemode="tozero")
    figure.update_xaxes(tickformat=".0%" if against == "share of the run" else "")
    figure.update_yaxes(exponentformat="e")


def key_table(trainings: Sequence[TrainingCurves]) -> str:
    """Return a table of the trainings as HTML, with each one's line style, as the panels have no legend."""
    heads = list(dict.fromkeys(head for training in trainings for head in training.facts))
    rows = []
    for number, training in enumerate(trainings):
        dash = {"solid": "", "dash": "7 4", "dot": "2 3", "dashdot": "7 3 2 3", "longdash": "12 4"}
        colour, style = COLOURS[number % len(COLOURS)], dash[_DASHES[number % len(_DASHES)]]
        line = (
            f'<svg width="34" height="10" aria-hidden="true"><line x1="1" y1="5" x2="33" y2="5" stroke="{colour}" '
            f'stroke-width="3" stroke-dasharray="{style}"/></svg>'
        )
        rows.append([f"{line} {escape(training.name)}", *(escape(training.facts.get(head, "–")) for head in heads)])
    return html_table(["training", *heads], rows)


def rate_of(train: Columns) -> float | None:
    """Return the images per second, the median of the last ten rows so that a busy moment does not count."""
    rates = [rate for rate in train.get("images_per_second", []) if rate is not None]
    return statistics.median(rates[-10:]) if rates else None


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"
