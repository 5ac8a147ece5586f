"""The figure of codevector usage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from vqzoo.views.style import ACCENT, AXIS, QUIET, TITLE, base_layout, message

_MOST = 4096  # codevectors in a panel: more bars than pixels say nothing and stall a browser


@dataclass(frozen=True, eq=False)
class Use:
    """Counts (K,) of each column's indices in this image and, if known, on the test split.

    `codebook_of` maps a column to its codebook, which several columns may share.
    """

    name: str
    image: Sequence[np.ndarray]
    test: Sequence[np.ndarray] | None
    codebook_of: Sequence[int]


def usage_figure(uses: Sequence[Use]) -> go.Figure:
    """Draw one panel per model: codevectors by decreasing share of the test split, overlaid with this image's shares.

    At most the 4096 most used codevectors are drawn; the title then says so.
    """
    if not uses:
        return message("No model here has a codebook to count.")
    height = 190 * len(uses) + 60
    gap = min(0.5 / len(uses), 60 / height) if len(uses) > 1 else 0
    # One dict for the whole figure: creating and updating subplots takes longer than running a model.
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"annotations": []}
    for row, use in enumerate(uses, 1):
        panel = (1 - gap * (len(uses) - 1)) / len(uses)
        top = 1 - (row - 1) * (panel + gap)
        number = "" if row == 1 else row
        axes = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        layout[f"xaxis{number}"] = AXIS | {"anchor": axes["yaxis"], "domain": [0, 1]}
        layout[f"yaxis{number}"] = AXIS | {"anchor": axes["xaxis"], "domain": [max(0, top - panel), top]} | _SHARES
        image, test = _shares(use.image, use.codebook_of), _test_shares(use)
        layout["annotations"].append(_title(use.name, len(image), top))
        order = np.lexsort((-image, -(image if test is None else test)))[:_MOST]
        line = {"x": np.arange(1, len(order) + 1), "showlegend": row == 1, **axes, **_FILLED}
        if test is not None:
            traces.append({"y": test[order], "name": "test split", "legendgroup": "test", **line, **_colour(QUIET)})
        hover = {"customdata": order, "hovertemplate": "codevector %{customdata}: %{y:.3%}"}
        traces.append(
            {"y": image[order], "name": "this image", "legendgroup": "image", **line, **_colour(ACCENT), **hover}
        )
    layout[f"xaxis{number}"]["title"] = {"text": "codevectors, most used on the test split first"}
    # plotly's validation takes longer than all else here; a test validates the figure instead.
    return go.Figure({"data": traces, "layout": layout | base_layout(height)}, _validate=False)


# A filled line, as thousands of bars would each be an element of the page.
_FILLED = {"type": "scatter", "mode": "lines", "fill": "tozeroy"}
_SHARES = {"tickformat": ".1%", "rangemode": "tozero", "title": {"text": "share"}}


def _colour(colour: str) -> dict[str, Any]:
    return {"line": {"width": 1, "color": colour, "shape": "hvh"}}


def _title(name: str, size: int, top: float) -> dict[str, Any]:
    text = name if size <= _MOST else f"{name}: the {_MOST:,} most used of {size:,} codevectors"
    position = {"x": 0.5, "y": top, "xref": "paper", "yref": "paper", "xanchor": "center", "yanchor": "bottom"}
    return {"text": text, "showarrow": False, "font": TITLE, **position}


def _test_shares(use: Use) -> np.ndarray | None:
    return None if use.test is None else _shares(use.test, use.codebook_of)


def _shares(counts: Sequence[np.ndarray], codebook_of: Sequence[int]) -> np.ndarray:
    """Return the shares of all codevectors, codebook after codebook, with columns of one codebook added up."""
    books = [
        np.sum([column for column, of in zip(counts, codebook_of, strict=True) if of == number], axis=0)
        for number in sorted(set(codebook_of))
    ]
    total = np.concatenate(books).astype(np.float64)
    shares: np.ndarray = total / total.sum()
    return shares
