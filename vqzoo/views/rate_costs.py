"""Tables of lookup costs and of the bits that entropy coding would save, for the models of a data set."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from vqzoo.analysis.lossless import entropy_bits, fixed_bits
from vqzoo.hub.registry import Model, usage_counts
from vqzoo.ops.check import check_choice
from vqzoo.views.rate import Point, Rates
from vqzoo.views.rate_figure import below
from vqzoo.views.style import ACCENT, QUIET, message, styled

COST_COLUMNS = (
    "model",
    "codebooks",
    "codevectors",
    "storage, bytes",
    "search, multiplications",
    "maps, multiplications",
    "search of one VQ for the same choices",
)
ENTROPY_COLUMNS = ("model", "indices", "fixed-length bits", "entropy-coded bits", "saved, %", "PSNR, dB")

_MOST_BARS = 64  # columns that can be distinguished in a figure

COST_ABOUT = (
    "Of one image of the test split, by the formulas of LooC's supplement (arXiv:2601.00222, sections 1.1 and 1.2): a "
    "codebook of K codevectors of d numbers takes 32 K d bits, and n latents take n K d multiplications to find their "
    "nearest ones, additions left out. A codebook that is shared is stored once and searched for every level or "
    "segment; scalars and signs are rounded, which takes no search. *Maps* are the quantizer's own linear maps and "
    "convolutions, encoding and decoding together. The last column is the search that a single codebook with as many "
    "possible choices would take, K = 2^(bits of a latent): what composing saves."
)
ENTROPY_ABOUT = (
    "Bits of one image, a mean over the test split. *Fixed-length*: log2 K an index. *Entropy-coded*: the entropy of "
    "each column's use of its codevectors on the test split, times its indices: what an ideal coder needs that knows "
    "these shares and looks at one index at a time. Neighbouring indices tell about each other, so a coder with "
    "context can do better; the table of shares is not counted."
)


def cost_table(rates: Rates, dataset: str) -> list[list[Any]]:
    """Return a row of COST_COLUMNS per model, smallest storage first; None for what the config does not give."""
    check_choice("data set", dataset, rates.datasets())
    points = sorted(rates.models(dataset), key=lambda point: -1 if point.cost is None else point.cost.storage)
    return [_cost_row(point) for point in points]


def _cost_row(point: Point) -> list[Any]:
    cost = point.cost
    if cost is None:
        return [point.name, *[None] * (len(COST_COLUMNS) - 1)]
    plain = None
    if cost.searches and point.model is not None:
        # LooC's comparison: n K d multiplications, with K as large as the number of choices for a latent.
        exponent = cost.log2_choices / cost.latents
        dim = _dim(point.model)
        plain = f"{cost.latents * dim * 2.0**exponent:.3g}" if dim and exponent < 1000 else f"2^{exponent:,.0f} · n d"
    return [point.name, len(cost.books), cost.codevectors, cost.storage, cost.searches, cost.maps, plain]


def _dim(model: Model) -> int | None:
    level = model.config["quantizer"]
    dim: int | None = (level[0] if isinstance(level, list) else level).get("dim")
    return dim


def counts_of(point: Point) -> list[np.ndarray] | None:
    """Return the counts (K,) of each column's indices on the test split.

    None for a model without a local folder or without readable counts; the Zoo page reports damaged files.
    """
    if point.model is None or point.model.source is None:
        return None
    try:
        counts = usage_counts(point.model)
    except ValueError:
        return None
    return None if counts is None else [np.array(column) for column in counts]


def entropy_table(rates: Rates, dataset: str) -> list[list[Any]]:
    """Return a row of ENTROPY_COLUMNS for each model whose indices were counted."""
    check_choice("data set", dataset, rates.datasets())
    rows = []
    for point in rates.models(dataset):
        counts, number = counts_of(point), point.metrics.get("num_images")
        if counts is None or number is None:
            continue
        fixed, coded = point.metrics["bits_per_image"], sum(entropy_bits(counts, number))
        indices = sum(int(column.sum()) for column in counts) / number
        saved = 100 * (1 - coded / fixed) if fixed else 0.0
        rows.append([point.name, round(indices), round(fixed), round(coded), round(saved, 1), _psnr(point)])
    return rows


def opening_model(rates: Rates, dataset: str) -> str:
    """Return the model of `entropy_table` with the most columns that can still be distinguished in a figure."""
    columns = {point.name: len(counts) for point in rates.models(dataset) if (counts := counts_of(point)) is not None}
    return max(columns, key=lambda name: columns[name] if columns[name] <= _MOST_BARS else 0)


def entropy_figure(rates: Rates, dataset: str, name: str) -> go.Figure:
    """Draw the bits of an index in each column of one model: fixed-length, and entropy-coded on the test split."""
    points = {point.name: point for point in rates.models(dataset)}
    counts = counts_of(points[check_choice("model", name, points)])
    if counts is None:
        return message("The indices of this model were not counted.")
    uses = [max(1, int(column.sum())) for column in counts]
    columns = list(range(1, len(counts) + 1))
    figure = go.Figure()
    for label, values, colour in (
        ("fixed length", fixed_bits(counts), QUIET),
        ("entropy on the test split", entropy_bits(counts), ACCENT),
    ):
        figure.add_bar(
            x=columns,
            y=[value / use for value, use in zip(values, uses, strict=True)],
            name=label,
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate="column %{x}: %{y:.2f} bits<extra>" + label + "</extra>",
        )
    styled(figure, 340)
    figure.update_layout(barmode="overlay", bargap=0.15)
    # Room for at least eight columns, so that a single one is still drawn as a bar.
    reach = max(8, len(columns))
    figure.update_xaxes(
        title_text="column of the indices: level, segment or channel",
        range=[0.5, reach + 0.5],
        dtick=1 if reach <= 16 else None,
    )
    figure.update_yaxes(title_text="bits an index", rangemode="tozero")
    return below(figure)


def _psnr(point: Point) -> float | None:
    psnr = point.metrics.get("psnr")
    return None if psnr is None else round(psnr, 2)
