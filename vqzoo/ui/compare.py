"""The page that compares: one photograph, several tokenizers, side by side."""

from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np

from vqzoo.analysis.examples import examples
from vqzoo.hub.registry import Model
from vqzoo.ui.comparison import (
    COLUMNS,
    ORIGINAL,
    compare,
    compare_position,
    device_line,
    first_models,
    slide,
    with_position,
)
from vqzoo.ui.engine import Engine
from vqzoo.ui.viewer import viewer

SIDES = [32, 64, 128, 256, 512, 1024]
_FIRST_SIDE = 256


def build(engine: Engine) -> None:
    """Lay the page out inside a gr.Blocks; it opens on a finished comparison."""
    pictures = examples()
    first_path = str(next(iter(pictures.values())))
    models = list(engine.models.values())
    *_, opened = compare(engine, first_path, _FIRST_SIDE, first_models(models))
    ticked = list(opened["shown"][2])

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
                SIDES,
                value=_FIRST_SIDE,
                label="Longest side, pixels",
                info="Larger photographs are shrunk to it, smaller ones stay.",
                elem_id="side",
            )
            with gr.Row():
                go_button = gr.Button("Compare", variant="primary", elem_id="compare", scale=3, min_width=120)
                stop_button = gr.Button("Stop", elem_id="stop", scale=1, min_width=60)
            device = gr.HTML(device_line(engine), elem_id="device")

        with gr.Column(scale=4, min_width=320, elem_id="results"):
            shown = gr.State(opened["shown"])
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
                "needs, before entropy coding; raw is 24 bits a pixel. Trained: share of the recipe's full budget.",
                elem_classes="hint",
            )
            with gr.Tabs():
                with gr.Tab("Slider", id="slider"):
                    names = [ORIGINAL, *ticked]
                    with gr.Row():
                        left = gr.Dropdown(names, value=names[0], label="Left", elem_id="slider-left")
                        right = gr.Dropdown(names, value=names[-1], label="Right", elem_id="slider-right")
                    slider = gr.ImageSlider(
                        slide(engine, shown.value, names[0], names[-1]),
                        format="png",
                        show_label=False,
                        elem_id="slider",
                        max_height=640,
                    )
                with gr.Tab("Codebook use", id="use"):
                    usage = gr.Plot(opened["usage"], show_label=False, elem_id="usage")
                with gr.Tab("Positional encoding", id="position"):
                    encoded = with_position(models)
                    gr.Markdown(_position_text(encoded), elem_classes="hint")
                    with gr.Row(visible=bool(encoded)):
                        which = gr.Dropdown(
                            encoded, value=encoded[0] if encoded else None, label="Model", elem_id="position-model"
                        )
                        switch = gr.Checkbox(
                            False,
                            label="Switch the encoding off",
                            info="Shows it on and off, and the difference.",
                            elem_id="position-switch",
                        )
                    position_viewer = viewer(
                        compare_position(engine, shown.value, which.value, False), "position-viewer"
                    )

    outputs = {
        "viewer": side_by_side,
        "table": table,
        "usage": usage,
        "shown": shown,
        "left": left,
        "right": right,
        "device": device,
    }

    def on_compare(path: str | None, longest: int, *chosen: list[str]) -> Iterator[dict[Any, Any]]:
        names = [name for group in chosen for name in group]
        for step in compare(engine, path, longest, names):
            yield {outputs[key]: value for key, value in step.items()}

    def on_slide(of: tuple, left_name: str, right_name: str) -> tuple[np.ndarray, np.ndarray]:
        return slide(engine, of, left_name, right_name)

    def on_position(of: tuple, name: str, off: bool) -> dict[str, Any]:
        return compare_position(engine, of, name, off)

    quiet = {"api_visibility": "private", "show_progress": "hidden"}
    slider_event: dict[str, Any] = {"fn": on_slide, "inputs": [shown, left, right], "outputs": slider, **quiet}
    position_event: dict[str, Any] = {
        "fn": on_position,
        "inputs": [shown, which, switch],
        "outputs": position_viewer,
        **quiet,
    }
    running = go_button.click(
        on_compare, [image, side, *groups], list(outputs.values()), api_name="compare", show_progress="minimal"
    )
    running.success(**slider_event).success(**position_event)
    stop_button.click(None, cancels=running, api_visibility="private")
    left.input(**slider_event)
    right.input(**slider_event)
    which.input(**position_event)
    switch.input(**position_event)


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
            label=f"trained on {dataset}",
            elem_classes="models",
            elem_id=f"models-{dataset}",
        )
        groups.append(group)

        def found(text: str, chosen: list[str], names: list[str] = names) -> gr.CheckboxGroup:
            words = text.lower().split()
            return gr.CheckboxGroup([n for n in names if n in chosen or all(word in n.lower() for word in words)])

        search.change(found, [search, group], group, api_visibility="private", show_progress="hidden")
    return groups


def _position_text(encoded: list[str]) -> str:
    if not encoded:
        return "No model here has a positional encoding."
    return "What a model's positional encoding does: its decoder gets the same tokens with the encoding and without."
