"""Figures of codebook usage: codevectors, columns of the indices, and sharing among columns."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from vqzoo.analysis.encoded_image import EncodedImage
from vqzoo.views.style import ACCENT, QUIET, styled
from vqzoo.views.usage import Use, usage_figure


def use_figure(name: str, encoded: EncodedImage, test: list[np.ndarray] | None) -> go.Figure:
    """Draw the `usage_figure` of one model: a panel of all codevectors, codebook after codebook."""
    return usage_figure([Use(name, encoded.counts, test, encoded.codebook_of)])


def columns_figure(stats: dict[str, Any]) -> go.Figure | None:
    """Draw the usage of each column or scale in this image and on the test split; None for a single column."""
    columns = stats["columns"]
    if len(columns) == 1:
        return None
    number = np.arange(1, len(columns) + 1)
    figure = go.Figure()
    for key, label, colour in (("test", "test split", QUIET), ("here", "this image", ACCENT)):
        if columns[0][key] is not None:
            figure.add_bar(
                x=number,
                y=[column[key]["usage"] for column in columns],
                name=label,
                marker={"color": colour, "line": {"width": 0}},
                opacity=0.75 if key == "here" else 1,
                customdata=[[column["layer"], column[key]["perplexity"]] for column in columns],
                hovertemplate="%{customdata[0]}: %{y:.1%} used, perplexity %{customdata[1]:.1f}",
            )
    figure.update_layout(barmode="overlay", title={"text": "Usage of each column", "font": {"size": 13}})
    figure.update_xaxes(title_text="column, in the order of the selector above")
    figure.update_yaxes(tickformat=".0%", rangemode="tozero", title_text="codevectors used")
    return styled(figure, 260).update_layout(bargap=0.15)


def sharing_figure(stats: dict[str, Any]) -> go.Figure | None:
    """Draw the sharing curve of every codebook that several columns share; None if no codebook is shared."""
    curves = stats["sharing"]
    if not curves["here"]:
        return None
    figure = go.Figure()
    for key, label, colour in (("test", "test split", QUIET), ("here", "this image", ACCENT)):
        for number, curve in enumerate(curves[key] or [], 1):
            name = label if len(curves["here"]) == 1 else f"{label}, codebook {number}"
            least = np.arange(1, len(curve) + 1)
            style = {"mode": "lines+markers", "line": {"color": colour, "width": 2}, "marker": {"size": 5}}
            figure.add_scatter(x=least, y=curve, name=name, hovertemplate="by %{x} or more: %{y:.1%}", **style)
    figure.update_layout(title={"text": "Sharing of codevectors among columns", "font": {"size": 13}})
    figure.update_xaxes(title_text="used by at least n columns")
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02], title_text="share of codevectors")
    return styled(figure, 260)
