"""How often codevectors are used, drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from vqzoo.views.style import ACCENT, QUIET, message, styled

_MOST = 4096  # codevectors in a panel: more bars than pixels say nothing and stall a browser


@dataclass(frozen=True, eq=False)
class Use:
    """How often each codevector of a model was chosen on this image and, where known, on its test split: counts (K,) of
    each column of the indices. codebook_of tells which columns share a codebook."""

    name: str
    image: Sequence[np.ndarray]
    test: Sequence[np.ndarray] | None
    codebook_of: Sequence[int]


def usage_figure(uses: Sequence[Use]) -> go.Figure:
    """One panel a model: codevectors ordered by their share of the test split, this image's shares over it.

    Of a codebook of more than 4096 the most used are drawn, and the title says so.
    """
    if not uses:
        return message("No model here has a codebook to count.")
    shares = [(_shares(use.image, use.codebook_of), _test_shares(use)) for use in uses]
    titles = [_title(use.name, len(image)) for use, (image, _) in zip(uses, shares, strict=True)]
    height = 190 * len(uses) + 60
    gap = min(0.5 / len(uses), 60 / height) if len(uses) > 1 else 0
    figure = make_subplots(len(uses), 1, subplot_titles=titles, vertical_spacing=gap)
    for row, (image, test) in enumerate(shares, 1):
        order = np.lexsort((-image, -(image if test is None else test)))[:_MOST]
        rank = np.arange(1, len(order) + 1)
        first = row == 1
        if test is not None:
            style = {"fill": "tozeroy", "line": {"width": 1, "color": QUIET, "shape": "hvh"}}
            figure.add_scatter(
                x=rank, y=test[order], name="test split", legendgroup="test", showlegend=first, row=row, col=1, **style
            )
        # One line, filled, where bars would be thousands of elements of the page, which every change of tab lays out.
        figure.add_scatter(
            x=rank,
            y=image[order],
            name="this image",
            legendgroup="image",
            showlegend=first,
            mode="lines",
            fill="tozeroy",
            line={"width": 1, "color": ACCENT, "shape": "hvh"},
            customdata=order,
            hovertemplate="codevector %{customdata}: %{y:.3%}",
            row=row,
            col=1,
        )
    figure.update_xaxes(title_text="codevectors, most used on the test split first", row=len(uses), col=1)
    figure.update_yaxes(tickformat=".1%", rangemode="tozero", title_text="share")
    return styled(figure, height)


def _title(name: str, size: int) -> str:
    return name if size <= _MOST else f"{name}: the {_MOST:,} most used of {size:,} codevectors"


def _test_shares(use: Use) -> np.ndarray | None:
    return None if use.test is None else _shares(use.test, use.codebook_of)


def _shares(counts: Sequence[np.ndarray], codebook_of: Sequence[int]) -> np.ndarray:
    """Counts -> shares of all codevectors, codebook after codebook; columns that share one are added up."""
    books = [
        np.sum([column for column, of in zip(counts, codebook_of, strict=True) if of == number], axis=0)
        for number in sorted(set(codebook_of))
    ]
    total = np.concatenate(books).astype(np.float64)
    return total / total.sum()
