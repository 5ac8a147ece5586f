"""What the page of comparisons shows, computed: values for its components from a photograph and names of models."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from vqzoo.analysis.codecs import available, label, parse_label, rate_groups
from vqzoo.analysis.photograph import Result
from vqzoo.hub.card import quantizer_names, show, show_trained, show_usage
from vqzoo.hub.registry import Model, usage_counts
from vqzoo.views.engine import Engine, Photo
from vqzoo.views.pictures import Picture, viewer_value
from vqzoo.views.usage import Use, usage_figure

ORIGINAL = "original"
_FIRST_QUANTIZERS = ("vq", "cvq", "rvq", "looc")

# Heading -> (type, share of the table's width).
COLUMNS: dict[str, tuple[Literal["str", "number"], str]] = {
    "model": ("str", "15%"),
    "PSNR dB": ("number", "7%"),
    "SSIM": ("number", "7%"),
    "LPIPS": ("str", "9%"),
    "true bits": ("number", "8%"),
    "bits / pixel": ("number", "7%"),
    "% of raw": ("number", "7%"),
    "usage here": ("str", "9%"),
    "usage on test split": ("str", "9%"),
    "encode ms": ("number", "7%"),
    "decode ms": ("number", "7%"),
    "trained": ("str", "8%"),
}


def first_models(models: list[Model]) -> list[str]:
    """One model of each quantizer that the page opens with, or the first four where there are none of these."""
    first: dict[str, str] = {}
    for model in models:
        quantizer, *finer = quantizer_names(model.config)
        if quantizer in _FIRST_QUANTIZERS and not finer:
            first.setdefault(quantizer, model.name)
    return list(first.values()) or [model.name for model in models[:4]]


def trained_on(models: list[Model]) -> str:
    """What models of one data set have seen: a line for the group of them."""
    sides = sorted({model.config["resolution"] for model in models})
    return f"trained on {models[0].metrics['dataset']}, squares of {' or '.join(map(str, sides))} pixels"


def compare(
    engine: Engine, path: str | None, longest: int, names: list[str], codecs: bool = False
) -> Iterator[dict[str, Any]]:
    """After each model, the values of the components that have changed; raises ValueError with what is to be done.

    With `codecs` the same of every image codec at each of the models' rates, those of raw pixels and above left out.
    """
    if not path:
        raise ValueError("Choose a photograph first: drop one in, paste one, or click an example.")
    if not names:
        raise ValueError("Tick at least one model.")
    photo = engine.photo(path, longest)
    names = sorted(names, key=lambda name: engine.models[name].metrics["metrics"]["bits_per_image"])
    results: dict[str, Result] = {}
    step: dict[str, Any] = {}
    for name, result in zip(names, engine.run_all([(name, True) for name in names], photo), strict=True):
        results[name] = result
        so_far = "" if len(results) == len(names) else f" {len(results)} of {len(names)} models so far."
        step = _shown(engine, photo, results, so_far)
        yield step
    rates = rate_groups([result.metrics["bits_per_image"] for result in results.values()]) if codecs else []
    labels = [label(codec, bits) for bits in rates if bits < 8 * photo.pixels.size for codec in available()]
    coded = engine.run_all([(name, True) for name in labels], photo)
    for number, (name, result) in enumerate(zip(labels, coded, strict=True), 1):
        results[name] = result
        so_far = "" if number == len(labels) else f" {number} of {len(labels)} codecs so far."
        step = _shown(engine, photo, results, so_far)
        yield step
    yield {
        **step,
        "usage": _usage(engine, results),
        "shown": (path, longest, tuple(names)),
        "choices": [ORIGINAL, *_ordered(results)],
        "device": device_line(engine),
    }


def _ordered(results: dict[str, Result]) -> list[str]:
    """Models by their bits, codecs behind the models whose bits they were given."""

    def place(name: str) -> tuple[float, bool]:
        codec = parse_label(name)
        return (codec[1], True) if codec else (results[name].metrics["bits_per_image"], False)

    return sorted(results, key=place)


def _shown(engine: Engine, photo: Photo, results: dict[str, Result], so_far: str) -> dict[str, Any]:
    """Pictures and table of what has been computed."""
    names = _ordered(results)
    pictures = [Picture(name, results[name].pixels, _caption(results[name])) for name in names]
    original = Picture(ORIGINAL, photo.pixels, "what the models are given")
    table = [_row(engine.models.get(name), name, results[name]) for name in names]
    return {"viewer": viewer_value([original, *pictures], photo.note + so_far), "table": table}


def slide(engine: Engine, shown: tuple, left: str, right: str) -> tuple[np.ndarray, np.ndarray]:
    """The two pictures for the slider, whole pixels enlarged so that none is blurred."""
    photo = engine.photo(*shown[:2])
    names = [name for name in (left, right) if name != ORIGINAL]
    pixels = {name: result.pixels for name, result in zip(names, engine.recall(names, photo), strict=True)}
    one, two = (pixels.get(name, photo.pixels) for name in (left, right))
    times = max(1, 640 // max(photo.pixels.shape[:2]))
    return tuple(picture.repeat(times, 0).repeat(times, 1) for picture in (one, two))  # type: ignore[return-value]


def device_line(engine: Engine) -> str:
    """The device and its memory, as a line of text."""
    device = engine.describe_device()
    if device.used is None or device.total is None:
        return device.name
    return f"{device.name} · {device.used / 2**30:.1f} of {device.total / 2**30:.0f} GiB memory in use"


def _caption(result: Result) -> str:
    metrics = result.metrics
    said = f"{_quality(metrics)} · " if "quality" in metrics else ""
    return (
        said + f"{show('psnr', metrics['psnr'])} dB · {show('bits_per_pixel', metrics['bits_per_pixel'])} bits / pixel"
    )


def _row(model: Model | None, name: str, result: Result) -> list[Any]:
    """`model` is None for a codec."""
    metrics = result.metrics
    return [
        name,
        round(metrics["psnr"], 2),
        round(metrics["ssim"], 4),
        show("lpips", metrics["lpips"]),
        round(metrics["bits_per_image"]),
        round(metrics["bits_per_pixel"], 3),
        round(100 * metrics["share_of_raw"], 2),
        show_usage(metrics["usage"]),
        show_usage(model.metrics["metrics"]["usage"] if model else None),
        round(metrics["encode_ms"], 1),
        round(metrics["decode_ms"], 1),
        show_trained(model.metrics) if model else _quality(metrics),
    ]


def _quality(metrics: dict[str, Any]) -> str:
    return f"quality {metrics['quality']}" if metrics["met"] else "cannot go lower"


def _usage(engine: Engine, results: dict[str, Result]) -> go.Figure:
    uses = []
    for name, result in results.items():
        if result.counts is not None:
            counts = usage_counts(engine.models[name])
            test = None if counts is None else [np.array(column) for column in counts]
            uses.append(Use(name, result.counts, test, result.codebook_of))
    return usage_figure(uses)
