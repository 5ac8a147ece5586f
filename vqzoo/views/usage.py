"""How often codevectors are used, drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from vqzoo.views.style import ACCENT, AXIS, QUIET, TITLE, looks, message

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
    height = 190 * len(uses) + 60
    gap = min(0.5 / len(uses), 60 / height) if len(uses) > 1 else 0
    # Written as a whole: subplots that are made and changed one by one take longer than a model.
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"annotations": []}
    for row, use in enumerate(uses, 1):
        panel = (1 - gap * (len(uses) - 1)) / len(uses)
        top = 1 - (row - 1) * (panel + gap)
        axes = {"xaxis": f"x{row}", "yaxis": f"y{row}"}
        layout[f"xaxis{row}"] = AXIS | {"anchor": axes["yaxis"], "domain": [0, 1]}
        layout[f"yaxis{row}"] = AXIS | {"anchor": axes["xaxis"], "domain": [max(0, top - panel), top]} | _SHARES
        image, test = _shares(use.image, use.codebook_of), _test_shares(use)
        layout["annotations"].append(_title(use.name, len(image), top))
        order = np.lexsort((-image, -(image if test is None else test)))[:_MOST]
        line = {"x": np.arange(1, len(order) + 1), "showlegend": row == 1, **axes, **_FILLED}
        if test is not None:
            traces.append({"y": test[order], "name": "test split", "legendgroup": "test", **line, **_colour(QUIET)})
        said = {"customdata": order, "hovertemplate": "codevector %{customdata}: %{y:.3%}"}
        traces.append(
            {"y": image[order], "name": "this image", "legendgroup": "image", **line, **_colour(ACCENT), **said}
        )
    layout[f"xaxis{len(uses)}"]["title"] = {"text": "codevectors, most used on the test split first"}
    return go.Figure({"data": traces, "layout": layout | looks(height)})


# One line, filled, where bars would be thousands of elements of the page.
_FILLED = {"type": "scatter", "mode": "lines", "fill": "tozeroy"}
_SHARES = {"tickformat": ".1%", "rangemode": "tozero", "title": {"text": "share"}}


def _colour(colour: str) -> dict[str, Any]:
    return {"line": {"width": 1, "color": colour, "shape": "hvh"}}


def _title(name: str, size: int, top: float) -> dict[str, Any]:
    text = name if size <= _MOST else f"{name}: the {_MOST:,} most used of {size:,} codevectors"
    place = {"x": 0.5, "y": top, "xref": "paper", "yref": "paper", "xanchor": "center", "yanchor": "bottom"}
    return {"text": text, "showarrow": False, "font": TITLE, **place}


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
