"""What the page of comparisons shows, computed: values for its components from a photograph and names of models."""

from collections.abc import Iterator
from typing import Any, Literal

import gradio as gr
import numpy as np
import plotly.graph_objects as go

from vqzoo.analysis.images import ImageError
from vqzoo.analysis.photograph import Result
from vqzoo.hub.card import show, show_trained, show_usage
from vqzoo.hub.registry import Model, usage_counts
from vqzoo.ui.engine import Engine
from vqzoo.ui.figures import Use, usage_figure
from vqzoo.ui.viewer import Picture, viewer_value

ORIGINAL = "original"
_FIRST_QUANTIZERS = ("vq", "cvq", "rvq", "looc")

# Heading -> (type, share of the table's width).
COLUMNS: dict[str, tuple[Literal["str", "number"], str]] = {
    "model": ("str", "18%"),
    "PSNR dB": ("number", "7%"),
    "SSIM": ("number", "7%"),
    "LPIPS": ("str", "9%"),
    "true bits": ("number", "8%"),
    "bits / pixel": ("number", "7%"),
    "% of raw": ("number", "7%"),
    "usage here": ("str", "7%"),
    "usage on test split": ("str", "8%"),
    "encode ms": ("number", "7%"),
    "decode ms": ("number", "7%"),
    "trained": ("str", "8%"),
}


def first_models(models: list[Model]) -> list[str]:
    """One model of each quantizer that the page opens with, or the first four where there are none of these."""
    first: dict[str, str] = {}
    for model in models:
        quantizer = model.config["quantizer"]["name"]
        if quantizer in _FIRST_QUANTIZERS:
            first.setdefault(quantizer, model.name)
    return list(first.values()) or [model.name for model in models[:4]]


def with_position(models: list[Model]) -> list[str]:
    """Names of the models that have a positional encoding."""
    return [model.name for model in models if model.config["position"]["name"] != "none"]


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
    pictures = [Picture(ORIGINAL, photo.pixels, "what the models are given")]
    table: list[list[Any]] = []
    step: dict[str, Any] = {}
    for name in names:
        try:
            result = results[name] = engine.run(name, photo)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from None
        pictures.append(Picture(name, result.pixels, _caption(result)))
        table.append(_row(engine.models[name], result))
        so_far = "" if len(results) == len(names) else f" {len(results)} of {len(names)} models so far."
        step = {"viewer": viewer_value(pictures, photo.note + so_far), "table": list(table)}
        yield step
    choices = [ORIGINAL, *names]
    yield {
        **step,
        "usage": _usage(engine, results),
        "shown": (path, longest, tuple(names)),
        "left": gr.update(choices=choices, value=choices[0]),
        "right": gr.update(choices=choices, value=choices[-1]),
        "device": device_line(engine),
    }


def slide(engine: Engine, shown: tuple, left: str, right: str) -> tuple[np.ndarray, np.ndarray]:
    """The two pictures for the slider, whole pixels enlarged so that none is blurred."""
    photo = engine.photo(*shown[:2])
    one, two = (photo.pixels if name == ORIGINAL else engine.run(name, photo).pixels for name in (left, right))
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
        return viewer_value([Picture(ORIGINAL, on.original), with_encoding], f"{name}: its error with the encoding on.")
    without = engine.run(name, photo, position=False)
    switched_off = Picture("encoding off", without.pixels, _caption(without))
    return viewer_value([with_encoding, switched_off], f"{name}: the difference that the encoding makes.")


def device_line(engine: Engine) -> str:
    """The device and its memory, as a line of text."""
    device = engine.describe_device()
    return f"{device.name} · {device.used / 2**30:.1f} of {device.total / 2**30:.0f} GiB memory in use"


def _caption(result: Result) -> str:
    metrics = result.metrics
    return f"{show('psnr', metrics['psnr'])} dB · {show('bits_per_pixel', metrics['bits_per_pixel'])} bits / pixel"


def _row(model: Model, result: Result) -> list[Any]:
    metrics = result.metrics
    return [
        model.name,
        round(metrics["psnr"], 2),
        round(metrics["ssim"], 4),
        show("lpips", metrics["lpips"]),
        round(metrics["bits_per_image"]),
        round(metrics["bits_per_pixel"], 3),
        round(100 * metrics["share_of_raw"], 2),
        show_usage(metrics["usage"]),
        show_usage(model.metrics["metrics"]["usage"]),
        round(metrics["encode_ms"], 1),
        round(metrics["decode_ms"], 1),
        show_trained(model.metrics),
    ]


def _usage(engine: Engine, results: dict[str, Result]) -> go.Figure:
    uses = []
    for name, result in results.items():
        if result.counts is not None:
            counts = usage_counts(engine.models[name])
            test = None if counts is None else np.array(counts)
            uses.append(Use(name, result.counts.numpy(), test, result.codebook_of))
    return usage_figure(uses)
