"""What is compared: a photograph, models, and how."""

from typing import Any

import gradio as gr

from vqzoo.analysis.examples import examples
from vqzoo.hub.registry import Model
from vqzoo.ui.components.photograph import Photograph
from vqzoo.ui.context import Context
from vqzoo.ui.panels.loaded import loaded_choices, loaded_group
from vqzoo.ui.part import QUIET, Part
from vqzoo.views.comparison import Comparison, beside, trained_on
from vqzoo.views.share import View

SIDES = [32, 64, 128, 256, 512, 1024]


class Controls(Part):
    """The column in which a visitor chooses, and starts and stops."""

    def __init__(self, context: Context, first: Comparison, device: str):
        super().__init__(context)
        models, limits = list(self.engine.models.values()), context.limits
        self.sides = [side for side in SIDES if limits is None or side <= limits.side]
        self.photograph = _photograph(first.photo)
        self.groups = _model_choices(models, first.models)
        self.loaded = loaded_group(context)
        # What a program names in one list is several groups of boxes here; no person sees this one.
        self.models_of_a_program = gr.Dropdown(
            [model.name for model in models],
            value=list(first.models),
            multiselect=True,
            allow_custom_value=True,  # those that are loaded later; the engine says what is not offered
            label="Models",
            visible=False,
        )
        self.side = gr.Dropdown(
            self.sides,
            value=first.side,
            label="Longest side, pixels",
            info="Larger photographs are shrunk to it, smaller ones stay.",
            elem_id="side",
        )
        self.codecs = gr.Checkbox(
            False,
            label="Compare with codecs and PCA",
            info=f"{', '.join(beside(self.engine))}: at the bits of each model.",
            elem_id="codecs",
        )
        with gr.Row():
            self.go = gr.Button("Compare", variant="primary", elem_id="compare", scale=3, min_width=120)
            self.stop = gr.Button("Stop", elem_id="stop", scale=1, min_width=60)
        self.device = gr.HTML(device, elem_id="device")

    @property
    def choices(self) -> list[gr.CheckboxGroup]:
        """The groups of tick boxes, that of the loaded models last."""
        return [*self.groups, self.loaded]

    def show(self, view: View) -> dict[Any, Any]:
        """Return the values that choose what `view` asks for."""
        return {
            self.photograph: view.path,
            self.side: view.side,
            self.codecs: view.codecs,
            **{group: [name for name in view.names if name in offered] for group, offered in self.groups.items()},
            self.loaded: loaded_choices(self.context, list(view.names)),
        }


def _photograph(path: str) -> gr.Image:
    image = Photograph(
        path,
        label="Photograph",
        sources=["upload", "clipboard"],
        type="filepath",
        image_mode=None,
        format="png",
        height=230,
        buttons=[],
        elem_id="photograph",
    )
    pictures = [[str(path)] for path in examples().values()]
    gr.Examples(pictures, image, label="Examples", elem_id="examples", examples_per_page=6)
    return image


def _model_choices(models: list[Model], ticked: tuple[str, ...]) -> dict[gr.CheckboxGroup, list[str]]:
    """Lay out a search box and a group of tick boxes per data set; returns each group with all its names.

    Ticked models stay visible during a search.
    """
    search = gr.Textbox(
        label="Models", placeholder="Search: looc, sinusoidal, 256 ...", elem_id="search", submit_btn=False
    )
    groups = {}
    for dataset in sorted({model.metrics["dataset"] for model in models}):
        names = [model.name for model in models if model.metrics["dataset"] == dataset]
        group = gr.CheckboxGroup(
            names,
            value=[name for name in names if name in ticked],
            label=trained_on([model for model in models if model.name in names]),
            elem_classes="models",
            elem_id=f"models-{dataset}",
        )
        groups[group] = names

        def matching(text: str, chosen: list[str], names: list[str] = names) -> gr.CheckboxGroup:
            words = text.lower().split()
            return gr.CheckboxGroup([n for n in names if n in chosen or all(word in n.lower() for word in words)])

        search.change(matching, [search, group], group, **QUIET)
    return groups
