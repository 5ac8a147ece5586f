"""What is compared, but for the models: a photograph, and how."""

from typing import Any

import gradio as gr

from vqzoo.analysis.examples import examples
from vqzoo.ui.components.photograph import photograph
from vqzoo.ui.components.thumbnails import thumbnails
from vqzoo.ui.context import Context
from vqzoo.ui.part import Part
from vqzoo.views.comparison import Comparison, beside
from vqzoo.views.crop import crop, split
from vqzoo.views.share import View

SIDES = [32, 64, 128, 256, 512, 1024]


class Controls(Part):
    """The column in which a visitor chooses a photograph, its size, and whether codecs are compared."""

    def __init__(self, context: Context, first: Comparison, device: str):
        super().__init__(context)
        limits = context.limits
        self.sides = [side for side in SIDES if limits is None or side <= limits.side]
        self.photograph = photograph(first.photo, "Photograph", 230, elem_id="photograph")
        self.examples = thumbnails(examples(), "examples")
        self.side = gr.Dropdown(
            self.sides,
            value=first.side,
            label="Longest side, pixels",
            info="Larger photographs are shrunk to it, or a part of this side is cut out.",
            elem_id="side",
        )
        self.part = gr.Checkbox(
            False,
            label="A part at 1:1",
            info="Nothing is shrunk. Click on the photograph where to look.",
            elem_id="part",
        )
        self.centre = gr.State(None)
        self.codecs = gr.Checkbox(
            False,
            label="Codecs and PCA, too",
            info=f"{', '.join(beside(self.engine))} at the bits of each model, folded behind it.",
            elem_id="codecs",
        )
        self.device = gr.HTML(device, elem_id="device")

    def show(self, view: View) -> dict[Any, Any]:
        """Return the values that choose what `view` asks for."""
        path, box = split(view.path or "")
        centre = box and (box[0] + box[2] // 2, box[1] + box[3] // 2)
        part = {self.part: box is not None, self.centre: centre}
        return {self.photograph: path, self.side: view.side, self.codecs: view.codecs, **part}


def example(chosen: gr.EventData) -> str:
    """Return the path of the example that was clicked on."""
    return str(examples()[chosen.label])


def point(selected: gr.SelectData) -> tuple[tuple[int, int], bool]:
    """Return the pixel of the photograph that was clicked on, as (x, y), and that a part of it is wanted."""
    return (int(selected.index[0]), int(selected.index[1])), True


def looked_into(path: str, side: int, part: bool, centre: tuple[int, int] | None) -> str:
    """Return the path that the engine reads: of the photograph, or of a part around `centre`, by default (0, 0)."""
    return crop(path, *(centre or (0, 0)), side) if path and part else path
