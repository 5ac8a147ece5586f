"""The panel that decodes the first levels of a residual model alone."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from vqzoo.ui.components.viewer import viewer
from vqzoo.ui.context import Context
from vqzoo.ui.tell import told
from vqzoo.views.engine import Engine
from vqzoo.views.levels import ABOUT, num_levels, residual, show_levels
from vqzoo.views.pictures import viewer_value

NAME = "Levels"

_NONE = "No model here has levels: load a residual one, such as `rvq`, on the page Zoo, or train one."


def build(context: Context) -> None:
    """Lay it out; it computes when it is first looked at."""
    engine = context.engine
    names = residual(list(engine.models.values()))
    first = names[-1] if names else None
    none = gr.Markdown(_NONE, visible=not names, elem_classes="hint")
    with gr.Row():
        which = gr.Dropdown(names, value=first, label="Residual model", elem_id="levels-model", scale=1)
        levels = gr.Slider(
            1, _most(engine, first), 1, step=1, label="Levels, coarse to fine", elem_id="levels-count", scale=2
        )
    pictures = viewer(viewer_value([]), "levels-viewer", errors=False, empty="The levels are being decoded.")
    gr.Markdown(ABOUT, elem_classes="hint")

    def show(shown: tuple, name: str | None, first: int) -> Iterator[dict[str, Any]]:
        if name is None:
            yield gr.skip()
        else:
            yield from show_levels(engine, shown, name, int(first))

    def first_levels(shown: tuple, model: str, levels: int) -> Iterator[dict[str, Any]]:
        """The first levels of a residual model alone, beside all of them, on the photograph compared last.

        Args:
            model: name of a residual model.
            levels: how many to decode, coarse to fine, from 1.

        Returns:
            pictures as PNG data URIs, each with a caption of its PSNR and true bits.
        """
        with told():
            yield from show(shown, model, levels)

    def on_model(shown: tuple, name: str) -> Iterator[dict[Any, Any]]:
        """Another model starts from its first level."""
        with told():
            yield {levels: gr.update(maximum=_most(engine, name), value=1)}
            for value in show(shown, name, 1):
                yield {pictures: value}

    def offer(name: str | None) -> list[Any]:
        names = residual(list(engine.models.values()))
        left = name if name in names else next(reversed(names), None)
        count = gr.skip() if left == name else gr.update(maximum=_most(engine, left), value=1)
        return [gr.update(choices=names, value=left), count, gr.update(visible=not names)]

    quiet: dict[str, Any] = {"trigger_mode": "always_last", "show_progress": "minimal"}
    context.when_offered(offer, [which], [which, levels, none])
    context.when_seen(show, [context.shown, which, levels], pictures)
    levels.input(first_levels, [context.shown, which, levels], pictures, api_name="levels", **quiet)
    which.input(on_model, [context.shown, which], [levels, pictures], api_visibility="private", **quiet)


def _most(engine: Engine, name: str | None) -> int:
    return 2 if name is None else num_levels(engine.models[name])
