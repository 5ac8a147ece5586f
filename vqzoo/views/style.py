"""How every figure of the app looks."""

import plotly.graph_objects as go

ACCENT = "#7c6cf0"
QUIET = "#9aa0ab"
_INK = "#8a8f99"


def message(text: str) -> go.Figure:
    """A figure that says in words why there is nothing to draw."""
    figure = go.Figure()
    figure.add_annotation(text=text, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return styled(figure, 160)


def styled(figure: go.Figure, height: int) -> go.Figure:
    """A transparent ground and mid-grey ink: legible on the light and on the dark page alike."""
    figure.update_layout(
        height=height,
        autosize=True,
        margin={"l": 60, "r": 16, "t": 58, "b": 44},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": _INK, "size": 12},
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "top", "yref": "container"},
        bargap=0,
        hovermode="x",
    )
    figure.update_annotations(font={"size": 13, "color": _INK})
    figure.update_xaxes(gridcolor="rgba(138,143,153,0.18)", zeroline=False)
    figure.update_yaxes(gridcolor="rgba(138,143,153,0.18)", zeroline=False)
    return figure
