"""The photograph that a page speaks of, by name, and a way to take another one there."""

from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from vqzoo.analysis.examples import examples
from vqzoo.ui.components.photograph import photograph
from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.part import LATEST, Part
from vqzoo.views.comparison import Comparison
from vqzoo.views.pictures import Picture

_THUMBNAIL = 64


class ChosenPhoto(Part):
    """A line with the photograph, and a fold with others; `of` is a state, the comparison that the page shows.

    A new comparison replaces what was chosen here; a choice here is of this page alone.
    """

    def __init__(self, context: Context, elem_id: str):
        super().__init__(context)
        self.of = gr.State(context.shown.value)
        with gr.Row(elem_classes="chosen-photo", elem_id=elem_id):
            self.line = gr.HTML("", min_width=240)
            with gr.Accordion("Another photograph", open=False), gr.Row():
                self.photograph = photograph(None, "Photograph", 180, min_width=200)
                pictures = [[str(path)] for path in examples().values()]
                gr.Examples(pictures, self.photograph, label="Examples", examples_per_page=6)

    @property
    def page(self) -> Context:
        """The context of a page that shows what is chosen here."""
        return replace(self.context, shown=self.of)

    def watch(self) -> None:
        """Follow comparisons, and photographs that are put in here."""
        self.context.shown.change(lambda shown: shown, self.context.shown, self.of, **LATEST)
        self.photograph.change(self._on_photograph, [self.photograph, self.of], self.of, **LATEST)
        self.context.selected.then(self.show, self.of, self.line, **LATEST)
        self.of.change(self.show, self.of, self.line, **LATEST)

    def show(self, of: Comparison) -> str:
        """Return the line: a thumbnail, the photograph's name and its size."""
        with show_errors():
            photo = self.engine.photo(of.photo, of.side)
        small = Image.fromarray(photo.pixels)
        small.thumbnail((_THUMBNAIL, _THUMBNAIL))
        name = escape(name_of(of.photo))
        picture = f'<img src="{Picture(name, np.asarray(small)).uri}" alt="">'
        return f"{picture}<span><b>{name}</b><br>{escape(photo.note)}</span>"

    def _on_photograph(self, path: str | None, of: Comparison) -> Any:
        if path is None or path == of.photo:
            return gr.skip()
        with show_errors():
            self.engine.photo(path, of.side)
        return replace(of, photo=path)


def name_of(path: str) -> str:
    """Return an example's label, or the name of a visitor's own file."""
    labels = {each.name: label for label, each in examples().items()}
    return labels.get(Path(path).name, Path(path).name)
