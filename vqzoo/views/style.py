"""The style of all figures of the app."""

from typing import Any

import plotly.graph_objects as go

ACCENT = "#7c6cf0"
QUIET = "#9aa0ab"
_INK = "#8a8f99"
AXIS = {"gridcolor": "rgba(138,143,153,0.18)", "zeroline": False}
TITLE = {"size": 13, "color": _INK}


def message(text: str) -> go.Figure:
    """Return an empty figure with a text in it."""
    figure = go.Figure()
    figure.add_annotation(text=text, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return styled(figure, 160)


def styled(figure: go.Figure, height: int) -> go.Figure:
    """Style a figure with a transparent background and mid-grey text, legible in light and dark mode."""
    figure.update_layout(**base_layout(height))
    figure.update_annotations(font=TITLE)
    figure.update_xaxes(**AXIS)
    figure.update_yaxes(**AXIS)
    return figure


def base_layout(height: int) -> dict[str, Any]:
    """Return the Plotly layout that `styled` sets; `height` is in pixels."""
    return {
        "height": height,
        "autosize": True,
        "margin": {"l": 60, "r": 16, "t": 58, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": _INK, "size": 12},
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "top", "yref": "container"},
        "bargap": 0,
        "hovermode": "x",
    }
