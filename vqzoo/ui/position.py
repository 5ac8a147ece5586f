"""The page of positional encodings: twins with and without one, and every encoding switched off."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from vqzoo.ui.components.viewer import viewer
from vqzoo.ui.context import Context
from vqzoo.ui.tell import told
from vqzoo.views.pictures import viewer_value
from vqzoo.views.position import ABOUT, cases, show_case

NAME = "Position"


def build(context: Context) -> None:
    """Lay the page out; it computes when it is first looked at, as that may take as long as all of a comparison."""
    engine = context.engine
    pairs = cases(list(engine.models.values()))
    which = gr.Dropdown(list(pairs), label="Twins", visible=bool(pairs), elem_id="position-pair")
    pictures = viewer(viewer_value([]), "position-viewer", errors=False)
    gr.Markdown(ABOUT if pairs else "No model here has a positional encoding.", elem_classes="hint")

    def show(shown: tuple, label: str | None) -> Iterator[dict[str, Any]]:
        if label is None:
            yield gr.skip()
        else:
            yield from show_case(engine, shown, pairs[label])

    def on_choice(shown: tuple, label: str | None) -> Iterator[dict[str, Any]]:
        with told():
            yield from show(shown, label)

    context.when_seen(show, [context.shown, which], pictures)
    which.input(
        on_choice,
        [context.shown, which],
        pictures,
        trigger_mode="always_last",
        api_visibility="private",
        show_progress="minimal",
    )
