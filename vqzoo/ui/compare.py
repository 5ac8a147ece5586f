"""The page that compares: one photograph, several tokenizers, side by side."""

from collections.abc import Iterator
from typing import Any, Literal

import gradio as gr
import numpy as np
import plotly.graph_objects as go

from vqzoo.analysis.examples import examples
from vqzoo.analysis.images import ImageError
from vqzoo.analysis.photograph import Result
from vqzoo.hub.card import show
from vqzoo.hub.registry import Model, usage_counts
from vqzoo.ui.engine import Engine, Photo
from vqzoo.ui.figures import Use, usage_figure
from vqzoo.ui.viewer import Picture, viewer, viewer_value

SIDES = [32, 64, 128, 256, 512, 1024]
_FIRST_SIDE = 256
_FIRST_QUANTIZERS = ("vq", "cvq", "rvq", "looc")
_ORIGINAL = "original"

# Heading -> (type, share of the table's width).
_COLUMNS: dict[str, tuple[Literal["str", "number"], str]] = {
    "model": ("str", "17%"),
    "PSNR dB": ("number", "7%"),
    "SSIM": ("number", "7%"),
    "LPIPS": ("str", "8%"),
    "true bits": ("number", "9%"),
    "bits / pixel": ("number", "7%"),
    "% of raw": ("number", "7%"),
    "usage here": ("str", "7%"),
    "usage on test split": ("str", "8%"),
    "encode ms": ("number", "8%"),
    "decode ms": ("number", "8%"),
    "trained": ("str", "7%"),
}


def build(engine: Engine) -> None:
    """Lay the page out inside a gr.Blocks; it opens on a finished comparison."""
    pictures = examples()
    first_path = str(next(iter(pictures.values())))
    *_, opened = compare(engine, first_path, _FIRST_SIDE, _first_models(list(engine.models.values())))
    first_models = list(opened["shown"][2])

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
            groups = _model_choices(list(engine.models.values()), first_models)
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
                headers=list(_COLUMNS),
                datatype=[kind for kind, _ in _COLUMNS.values()],
                column_widths=[width for _, width in _COLUMNS.values()],
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
                    names = [_ORIGINAL, *first_models]
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
                    encoded = _with_position(list(engine.models.values()))
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

    def on_compare(path: str | None, longest: int, *ticked: list[str]) -> Iterator[dict[Any, Any]]:
        chosen = [name for group in ticked for name in group]
        for step in compare(engine, path, longest, chosen):
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


def compare(engine: Engine, path: str | None, longest: int, names: list[str]) -> Iterator[dict[str, Any]]:
    """After each model, the values of the components that have changed; raises gr.Error with what is to be done."""
    if not path:
        raise gr.Error("Choose a photograph first: drop one in, paste one, or click an example.", print_exception=False)
    if not names:
        raise gr.Error("Tick at least one model.", print_exception=False)
    try:
        photo = engine.photo(path, longest)
    except ImageError as error:
        raise gr.Error(str(error), print_exception=False) from None
    names = sorted(names, key=lambda name: engine.models[name].metrics["metrics"]["bits_per_image"])
    results: dict[str, Result] = {}
    for place, name in enumerate(names, 1):
        results[name] = engine.run(name, photo)
        note = photo.note if place == len(names) else f"{photo.note} {place} of {len(names)} models so far."
        yield {
            "viewer": _pictures(photo, results, note),
            "table": [_row(engine.models[name], result) for name, result in results.items()],
        }
    choices = [_ORIGINAL, *names]
    yield {
        "viewer": _pictures(photo, results, photo.note),
        "table": [_row(engine.models[name], result) for name, result in results.items()],
        "usage": _usage(engine, results),
        "shown": (path, longest, tuple(names)),
        "left": gr.update(choices=choices, value=choices[0]),
        "right": gr.update(choices=choices, value=choices[-1]),
        "device": device_line(engine),
    }


def slide(engine: Engine, shown: tuple, left: str, right: str) -> tuple[np.ndarray, np.ndarray]:
    """The two pictures for the slider, whole pixels enlarged so that none is blurred."""
    photo = engine.photo(*shown[:2])
    one, two = (photo.pixels if name == _ORIGINAL else engine.run(name, photo).pixels for name in (left, right))
    times = max(1, 640 // max(photo.pixels.shape[:2]))
    return tuple(picture.repeat(times, 0).repeat(times, 1) for picture in (one, two))  # type: ignore[return-value]


def compare_position(engine: Engine, shown: tuple, name: str | None, off: bool) -> dict[str, Any]:
    """The viewer's value: the original and the model, or the model with its encoding on and off."""
    if name is None:
        return viewer_value([])
    photo = engine.photo(*shown[:2])
    on = engine.run(name, photo)
    with_encoding = Picture("encoding on", on.pixels, _caption(on))
    if not off:
        return viewer_value(
            [Picture(_ORIGINAL, on.original), with_encoding], f"{name}: its error with the encoding on."
        )
    without = engine.run(name, photo, position=False)
    switched_off = Picture("encoding off", without.pixels, _caption(without))
    return viewer_value([with_encoding, switched_off], f"{name}: the difference that the encoding makes.")


def device_line(engine: Engine) -> str:
    """The device and its memory, as a line of text."""
    device = engine.describe_device()
    return f"{device.name} · {device.used / 2**30:.1f} of {device.total / 2**30:.0f} GiB memory in use"


def _pictures(photo: Photo, results: dict[str, Result], note: str) -> dict[str, Any]:
    reconstructions = [Picture(name, result.pixels, _caption(result)) for name, result in results.items()]
    return viewer_value([Picture(_ORIGINAL, photo.pixels, "what the models are given"), *reconstructions], note)


def _caption(result: Result) -> str:
    metrics = result.metrics
    return f"{show('psnr', metrics['psnr'])} dB · {show('bits_per_pixel', metrics['bits_per_pixel'])} bits / pixel"


def _row(model: Model, result: Result) -> list[Any]:
    metrics, training = result.metrics, model.metrics["training"]
    share = training["images"] / training["full_budget_images"]
    assert all(metrics[name] is not None for name in ("psnr", "ssim"))
    return [
        model.name,
        round(metrics["psnr"] or 0, 2),
        round(metrics["ssim"] or 0, 4),
        show("lpips", metrics["lpips"]),
        round(metrics["bits_per_image"] or 0),
        round(metrics["bits_per_pixel"] or 0, 3),
        round(100 * (metrics["share_of_raw"] or 0), 2),
        _usage_text(metrics["usage"]),
        _usage_text(model.metrics["metrics"]["usage"]),
        round(metrics["encode_ms"] or 0, 1),
        round(metrics["decode_ms"] or 0, 1),
        "in full" if share >= 1 else f"{share:.1%}",
    ]


def _usage_text(usage: float | None) -> str:
    return "no codebook" if usage is None else show("usage", usage)


def _usage(engine: Engine, results: dict[str, Result]) -> go.Figure:
    uses = []
    for name, result in results.items():
        if result.counts is not None:
            counts = usage_counts(engine.models[name])
            test = None if counts is None else np.array(counts)
            uses.append(Use(name, result.counts.numpy(), test, engine.codebook_of(name)))
    return usage_figure(uses)


def _first_models(models: list[Model]) -> list[str]:
    """One model of each quantizer that the page opens with, or the first four where there are none of these."""
    first: dict[str, str] = {}
    for model in models:
        quantizer = model.config["quantizer"]["name"]
        if quantizer in _FIRST_QUANTIZERS:
            first.setdefault(quantizer, model.name)
    return list(first.values()) or [model.name for model in models[:4]]


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


def _with_position(models: list[Model]) -> list[str]:
    return [model.name for model in models if model.config["position"]["name"] != "none"]


def _position_text(encoded: list[str]) -> str:
    if not encoded:
        return "No model here has a positional encoding."
    return "What a model's positional encoding does: its decoder gets the same tokens with the encoding and without."
