"""Models against image codecs: how many more or fewer bits they need for the same quality."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vqzoo.analysis.formats import CODECS
from vqzoo.metrics.table import METRICS
from vqzoo.views.rate import PLAIN, Plotted, Point, Rates, placed

AGAINST_COLUMNS = ("model", "measured rates", *(f"bits against {codec}, %" for codec in CODECS))
AGAINST_ABOUT = (
    "Negative is better: −25 is three quarters of the codec's bits at the same quality. Where both have several rates "
    "it is the BD-rate (Bjontegaard), the mean over the qualities that both reach; a single rate is compared with the "
    "codec's bits at that quality. Between measured rates log bits are interpolated by monotone cubics. –: the codec "
    "has no such quality among its measured rates. A rate that costs more than another and is no better is left out."
)

Curve = list[tuple[float, float]]


def against(plotted: Sequence[Plotted], metric: str) -> list[list[Any]]:
    """Return a row of AGAINST_COLUMNS for each series of points, x in bits or bits per pixel, y in the metric.

    None where two have no quality in common. Codecs of the points are rows, too, and none is compared with itself.
    """
    by_series = curves(plotted, metric)
    codecs = {name: by_series[name] for name in CODECS if name in by_series}
    rows = []
    for name, curve in by_series.items():
        changes = [None if codec == name else change(codecs.get(codec, []), curve) for codec in CODECS]
        if any(each is not None for each in changes):
            percent = [None if each is None else round(100 * each, 1) for each in changes]
            rows.append([name, len(curve), *percent])
    return rows


def against_codecs(rates: Rates, dataset: str, metric: str, own: Sequence[Point] = ()) -> list[list[Any]]:
    """Return `against` for a data set: each model alone, the codecs, and `own` points by bits per pixel."""
    alone = [replace(point, series=point.name) for point in rates.models(dataset) if point.kind != PLAIN]
    return against(placed([*own, *alone, *rates.codecs(dataset)], "bits per pixel", metric), metric)


def curves(plotted: Sequence[Plotted], metric: str) -> dict[str, Curve]:
    """Return (bits, quality) of each series, fewest bits first, without points that cost more and are not better."""
    by_series: dict[str, Curve] = {}
    for point, bits, quality in sorted(plotted, key=lambda each: each.x):
        curve = by_series.setdefault(point.series, [])
        if not curve or METRICS[metric].sign * (quality - curve[-1][1]) > 0:
            curve.append((bits, quality))
    return by_series


def change(reference: Curve, other: Curve) -> float | None:
    """Return the change of bits at equal quality from one curve to another, a share; None without a common quality."""
    from vqzoo.metrics.bd_rate import bd_rate  # scipy's interpolation takes seconds to import

    if len(reference) < 2:
        return None
    if len(other) > 1:
        return bd_rate(reference, other)
    ((bits, quality),) = other
    there = bits_at(reference, quality)
    return None if there is None else bits / there - 1


def bits_at(curve: Curve, quality: float) -> float | None:
    """Return the bits of a curve at a quality, interpolated; None outside its qualities."""
    qualities = [each for _, each in curve]
    if len(curve) < 2 or not min(qualities) <= quality <= max(qualities):
        return None
    from vqzoo.metrics.bd_rate import log_bits

    return math.exp(float(log_bits(curve)(quality)))
