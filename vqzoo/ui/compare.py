"""The page that compares: one photograph, several tokenizers, side by side."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import gradio as gr
import numpy as np

from vqzoo.analysis.codecs import available
from vqzoo.analysis.examples import examples
from vqzoo.hub.registry import Model
from vqzoo.ui.components.viewer import viewer
from vqzoo.ui.context import Context
from vqzoo.ui.tell import told
from vqzoo.views.comparison import COLUMNS, ORIGINAL, compare, device_line, first_models, slide, trained_on
from vqzoo.views.engine import Engine

SIDES = [32, 64, 128, 256, 512, 1024]
_FIRST_SIDE = 256

NAME = "Compare"


def opening(engine: Engine) -> dict[str, Any]:
    """The comparison that the page opens on, finished."""
    first_path = str(next(iter(examples().values())))
    *_, opened = compare(engine, first_path, _FIRST_SIDE, first_models(list(engine.models.values())))
    return opened


def build(context: Context, opened: dict[str, Any]) -> None:
    """Lay the page out around a finished comparison."""
    engine, limits = context.engine, context.limits
    pictures = examples()
    models = list(engine.models.values())
    first_path, _, ticked = opened["shown"]
    ticked = list(ticked)

    with gr.Row(elem_id="page"):
        with gr.Column(scale=1, min_width=290, elem_id="controls"):
            image = gr.Image(
                first_path,
                label="Photograph",
                sources=["upload", "clipboard"],
                type="filepath",
                image_mode=None,
                format="png",
                height=230,
                buttons=[],
                elem_id="photograph",
            )
            # The file as it came: the project's own loader reads it, and says what is wrong with it.
            image.preprocess = lambda payload: payload.path if payload else None  # type: ignore[method-assign]
            gr.Examples(
                [[str(path)] for path in pictures.values()],
                image,
                label="Examples",
                elem_id="examples",
                examples_per_page=6,
            )
            groups = _model_choices(models, ticked)
            side = gr.Dropdown(
                [side for side in SIDES if limits is None or side <= limits.side],
                value=_FIRST_SIDE,
                label="Longest side, pixels",
                info="Larger photographs are shrunk to it, smaller ones stay.",
                elem_id="side",
            )
            codecs = gr.Checkbox(
                False,
                label="Compare with image codecs",
                info=f"{' and '.join(available())} at the bits of each model.",
                elem_id="codecs",
            )
            with gr.Row():
                go_button = gr.Button("Compare", variant="primary", elem_id="compare", scale=3, min_width=120)
                stop_button = gr.Button("Stop", elem_id="stop", scale=1, min_width=60)
            device = gr.HTML(device_line(engine), elem_id="device")

        with gr.Column(scale=4, min_width=320, elem_id="results"):
            side_by_side = viewer(opened["viewer"], "viewer")
            table = gr.Dataframe(
                opened["table"],
                headers=list(COLUMNS),
                datatype=[kind for kind, _ in COLUMNS.values()],
                column_widths=[width for _, width in COLUMNS.values()],
                interactive=False,
                label="Measured on this photograph",
                elem_id="table",
                max_height=420,
                show_search="none",
                wrap=True,
            )
            gr.Markdown(
                "PSNR, SSIM and LPIPS compare bytes, at the size shown. Bits are true bits: every index that decoding "
                "needs, before entropy coding; raw is 24 bits a pixel. Trained: share of the recipe's full budget. Of "
                "a codec every byte of the file counts, at the highest quality that fits; some cannot go so low.",
                elem_classes="hint",
            )
            with gr.Tabs():
                with gr.Tab("Slider", id="slider"):
                    names = [ORIGINAL, *ticked]
                    with gr.Row():
                        left = gr.Dropdown(names, value=names[0], label="Left", elem_id="slider-left")
                        right = gr.Dropdown(names, value=names[-1], label="Right", elem_id="slider-right")
                    slider = gr.ImageSlider(
                        slide(engine, opened["shown"], names[0], names[-1]),
                        format="png",
                        show_label=False,
                        elem_id="slider",
                        max_height=640,
                    )
                with gr.Tab("Codebook use", id="use"):
                    usage = gr.Plot(opened["usage"], show_label=False, elem_id="usage")

    outputs = {
        "viewer": side_by_side,
        "table": table,
        "usage": usage,
        "shown": context.shown,
        "device": device,
    }

    def on_compare(
        request: gr.Request, path: str | None, longest: int, codecs: bool, *chosen: list[str]
    ) -> Iterator[dict[Any, Any]]:
        names = [name for group in chosen for name in group]
        if limits is not None:
            limits.check(names, longest)
        with told(), nullcontext() if limits is None else limits.turn(request.session_hash):
            for step in compare(engine, path, longest, names, codecs):
                choices = step.pop("choices", None)
                new: dict[Any, Any] = {outputs[key]: value for key, value in step.items()}
                if choices:
                    new[left] = gr.update(choices=choices, value=choices[0])
                    new[right] = gr.update(choices=choices, value=choices[-1])
                yield new

    def on_slide(of: tuple, left_name: str, right_name: str) -> tuple[np.ndarray, np.ndarray]:
        with told():
            return slide(engine, of, left_name, right_name)

    quiet = {"api_visibility": "private", "show_progress": "hidden"}
    slider_event: dict[str, Any] = {"fn": on_slide, "inputs": [context.shown, left, right], "outputs": slider, **quiet}
    running = go_button.click(
        on_compare,
        [image, side, codecs, *groups],
        [*outputs.values(), left, right],
        api_name="compare",
        show_progress="minimal",
    )
    running.success(**slider_event)
    stop_button.click(None, cancels=running, api_visibility="private")
    left.input(**slider_event)
    right.input(**slider_event)


def _model_choices(models: list[Model], ticked: list[str]) -> list[gr.CheckboxGroup]:
    """A search box and a group of tick boxes a data set; what is ticked stays in sight whatever is searched."""
    search = gr.Textbox(
        label="Models", placeholder="Search: looc, sinusoidal, 256 ...", elem_id="search", submit_btn=False
    )
    groups = []
    for dataset in sorted({model.metrics["dataset"] for model in models}):
        names = [model.name for model in models if model.metrics["dataset"] == dataset]
        group = gr.CheckboxGroup(
            names,
            value=[name for name in names if name in ticked],
            label=trained_on([model for model in models if model.name in names]),
            elem_classes="models",
            elem_id=f"models-{dataset}",
        )
        groups.append(group)

        def found(text: str, chosen: list[str], names: list[str] = names) -> gr.CheckboxGroup:
            words = text.lower().split()
            return gr.CheckboxGroup([n for n in names if n in chosen or all(word in n.lower() for word in words)])

        search.change(found, [search, group], group, api_visibility="private", show_progress="hidden")
    return groups
