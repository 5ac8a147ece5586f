"""The panel that decodes the first levels of a residual model alone."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from vqzoo.ui.components.viewer import viewer
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.part import PUBLIC, TELLING, Part
from vqzoo.views.comparison import Comparison
from vqzoo.views.levels import ABOUT, num_levels, residual, show_levels
from vqzoo.views.pictures import viewer_value

NAME = "Levels"

_NONE = "No model here has levels: load a residual one, such as `rvq`, on the page Zoo, or train one."


class Levels(Part):
    """A residual model and a number of its levels, and what these make of the photograph."""

    def __init__(self, context: Context):
        super().__init__(context)
        names = self._names()
        first = names[-1] if names else None
        self.none = gr.Markdown(_NONE, visible=not names, elem_classes="hint")
        with gr.Row():
            self.model = gr.Dropdown(names, value=first, label="Residual model", elem_id="levels-model", scale=1)
            self.levels = gr.Slider(
                1, self._most(first), 1, step=1, label="Levels, coarse to fine", elem_id="levels-count", scale=2
            )
        self.pictures = viewer(viewer_value([]), "levels-viewer", errors=False, empty="The levels are being decoded.")
        gr.Markdown(ABOUT, elem_classes="hint")

    def watch(self) -> None:
        """Compute when the panel is first looked at."""
        shown = self.context.shown
        inputs = [shown, self.model, self.levels]
        self.context.when_offered(self._offer, [self.model], [self.model, self.levels, self.none])
        self.context.when_seen(self.show, inputs, self.pictures)
        self.levels.input(self.first_levels, inputs, self.pictures, api_name="levels", **PUBLIC)
        self.model.input(self._on_model, [shown, self.model], [self.levels, self.pictures], **TELLING)

    def show(self, shown: Comparison, name: str | None, first: int) -> Iterator[dict[str, Any]]:
        """Yield the pictures, as they are decoded."""
        if name is None:
            yield gr.skip()
        else:
            yield from show_levels(self.engine, shown, name, int(first))

    def first_levels(self, shown: Comparison, model: str, levels: int) -> Iterator[dict[str, Any]]:
        """Decode the first levels of a residual model, and all of them, on the photograph compared last.

        Args:
            shown: the session's last comparison.
            model: name of a residual model.
            levels: how many to decode, coarse to fine, from 1.

        Returns:
            pictures as PNG data URIs, each with a caption of its PSNR and true bits.
        """
        with show_errors():
            yield from self.show(shown, model, levels)

    def _on_model(self, shown: Comparison, name: str) -> Iterator[dict[Any, Any]]:
        """Another model starts from its first level."""
        with show_errors():
            yield {self.levels: gr.update(maximum=self._most(name), value=1)}
            for value in self.show(shown, name, 1):
                yield {self.pictures: value}

    def _offer(self, name: str | None) -> list[Any]:
        names = self._names()
        left = name if name in names else next(reversed(names), None)
        count = gr.skip() if left == name else gr.update(maximum=self._most(left), value=1)
        return [gr.update(choices=names, value=left), count, gr.update(visible=not names)]

    def _names(self) -> list[str]:
        return residual(list(self.engine.models.values()))

    def _most(self, name: str | None) -> int:
        return 2 if name is None else num_levels(self.engine.models[name])
