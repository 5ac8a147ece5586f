"""How every figure of the app looks."""

from typing import Any

import plotly.graph_objects as go

ACCENT = "#7c6cf0"
QUIET = "#9aa0ab"
_INK = "#8a8f99"
AXIS = {"gridcolor": "rgba(138,143,153,0.18)", "zeroline": False}
TITLE = {"size": 13, "color": _INK}


def message(text: str) -> go.Figure:
    """A figure that says in words why there is nothing to draw."""
    figure = go.Figure()
    figure.add_annotation(text=text, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return styled(figure, 160)


def styled(figure: go.Figure, height: int) -> go.Figure:
    """A transparent ground and mid-grey ink: legible on the light and on the dark page alike."""
    figure.update_layout(**looks(height))
    figure.update_annotations(font=TITLE)
    figure.update_xaxes(**AXIS)
    figure.update_yaxes(**AXIS)
    return figure


def looks(height: int) -> dict[str, Any]:
    """The part of `styled` that is the layout's own."""
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
