"""The bits that a quality takes, as far as the measured models and codecs tell."""

from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from vqzoo.analysis.formats import CODECS
from vqzoo.metrics.table import METRICS
from vqzoo.views.rate import AXES, Plotted, Rates, front, placed
from vqzoo.views.rate_against import bits_at, curves
from vqzoo.views.rate_figure import check, plane
from vqzoo.views.style import QUIET

_AXIS = "bits per pixel"


@dataclass(frozen=True)
class Answer:
    """What was measured around a quality, x in bits per pixel.

    reached: the model with the fewest bits that has the quality; None if none has it.
    missed: the best of the models with fewer bits, or of all if none has it; None if there are none with fewer.
    codecs: bits per pixel of each codec at the quality, interpolated between measured rates; None outside of them.
    """

    metric: str
    quality: float
    reached: Plotted | None
    missed: Plotted | None
    codecs: dict[str, float | None]


def bits_for(rates: Rates, dataset: str, metric: str, quality: float) -> Answer:
    """Return what the models and codecs of a data set tell; ValueError for unknown names or a metric without a best."""
    check(rates, dataset, _AXIS, metric)
    sign = METRICS[metric].sign
    best = front(placed(rates.models(dataset), _AXIS, metric), metric)
    reached = next((each for each in best if sign * (each.y - quality) >= 0), None)
    below = [each for each in best if reached is None or each.x < reached.x]
    measured = curves(placed(rates.codecs(dataset), _AXIS, metric), metric)
    codecs = {name: bits_at(measured[name], quality) for name in CODECS if name in measured}
    return Answer(metric, quality, reached, below[-1] if below else None, codecs)


def describe(answer: Answer) -> str:
    """Return the answer as Markdown, its range first."""
    metric, reached, missed = METRICS[answer.metric], answer.reached, answer.missed
    wanted = metric.with_unit(answer.quality)
    if reached is None:
        assert missed is not None, "a data set has a model"
        text = f"**No model measured here has {wanted}.** The best is {_named(missed, metric.name)}."
    elif missed is None:
        text = f"**{wanted}: at most {_rate(reached.x)}.** {_named(reached, metric.name)} has it already, and no model "
        text += "here takes fewer bits."
    else:
        text = f"**{wanted}: between {missed.x:.3g} and {_rate(reached.x)}.** The first to have it is "
        text += f"{_named(reached, metric.name)}; with fewer bits the best is {_named(missed, metric.name)}. Nothing "
        text += "in between was measured."
    known = [f"{name} {bits:.3g}" for name, bits in answer.codecs.items() if bits is not None]
    unknown = [name for name, bits in answer.codecs.items() if bits is None]
    if known:
        text += f" Codecs, interpolated between their measured rates: {', '.join(known)} bits a pixel."
    if unknown:
        text += f" {' and '.join(unknown)}: not among the measured rates."
    return text


def record(answer: Answer) -> dict[str, Any]:
    """Return the answer as data: names, rates in bits per pixel, and qualities."""

    def model(each: Plotted | None) -> dict[str, Any] | None:
        return each and {"model": each.point.name, "bits_per_pixel": each.x, answer.metric: each.y}

    codecs = [{"codec": name, "bits_per_pixel": bits} for name, bits in answer.codecs.items()]
    return {"reached_by": model(answer.reached), "missed_by": model(answer.missed), "codecs": codecs}


def answer_figure(rates: Rates, dataset: str, answer: Answer) -> go.Figure:
    """Draw the models and codecs with a line at the quality and a band over the range of the answer."""
    plotted = placed([*rates.models(dataset), *rates.codecs(dataset)], _AXIS, answer.metric)
    figure = plane(plotted, AXES[_AXIS].label, answer.metric)
    figure.add_shape(
        type="line",
        xref="paper",
        x0=0,
        x1=1,
        y0=answer.quality,
        y1=answer.quality,
        line={"color": QUIET, "dash": "dash"},
    )
    if answer.reached and answer.missed:
        figure.add_vrect(x0=answer.missed.x, x1=answer.reached.x, fillcolor="#7c6cf0", opacity=0.1, line_width=0)
    return figure


def _rate(bits: float) -> str:
    return f"{bits:.3g} bits a pixel"


def _named(each: Plotted, metric: str) -> str:
    return f"{each.point.name} ({METRICS[metric].with_unit(each.y)} at {_rate(each.x)})"
