"""The panel that shows where two of the compared pictures differ most."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from vqzoo.ui.components.closeups import closeups_html
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.part import TELLING, Part
from vqzoo.views.closeups import close_ups
from vqzoo.views.comparison import ORIGINAL, Comparison
from vqzoo.views.pictures import Picture

NAME = "Where two differ"

_TWO = "Compare at least two models first."
_SAME = "The two pictures are the same."


class Differ(Part):
    """Two of the compared models or codecs, and patches of the photograph in which their pictures differ most."""

    def __init__(self, context: Context, listed: gr.State):
        super().__init__(context)
        self.listed = listed
        with gr.Row():
            self.one = gr.Dropdown([], label="One", elem_id="differ-one")
            self.two = gr.Dropdown([], label="The other", elem_id="differ-two")
        self.patches = gr.HTML(f'<p class="position-waiting">{_TWO}</p>', elem_id="differ-patches")

    def watch(self) -> None:
        """Compute when the panel is looked at, and for another two."""
        inputs, outputs = [self.listed, self.one, self.two], [self.one, self.two, self.patches]
        self.context.when_seen(self.show, inputs, outputs)
        for each in (self.one, self.two):
            each.input(self._on_choice, inputs, outputs, **TELLING)

    def show(self, listed: Comparison, one: str | None, two: str | None) -> Iterator[dict[Any, Any]]:
        """Yield the patches of two rows: those chosen if they are compared, or else the first ones."""
        rows = list(listed.rows)
        if len(rows) < 2:
            yield {self.patches: f'<p class="position-waiting">{_TWO}</p>'}
            return
        one = one if one in rows else next(name for name in rows if name != two)
        two = two if two in rows and two != one else next(name for name in rows if name != one)
        photo = self.engine.photo(listed.photo, listed.side)
        names = (one, two)
        pictures = [
            Picture(name, result.pixels) for name, result in zip(names, self.engine.recall(names, photo), strict=True)
        ]
        patches = close_ups([(pictures[0], pictures[1])], [Picture(ORIGINAL, photo.pixels), *pictures])
        yield {
            self.one: gr.Dropdown(rows, value=one),
            self.two: gr.Dropdown(rows, value=two),
            self.patches: closeups_html(patches, _SAME),
        }

    def _on_choice(self, *values: Any) -> Iterator[dict[Any, Any]]:
        with show_errors():
            yield from self.show(*values)
