"""The comparison of models on one photograph: values of the components of the Compare page."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import plotly.graph_objects as go

from vqzoo.analysis.formats import PCA, available, label, parse_label, rate_groups
from vqzoo.analysis.result import Result
from vqzoo.hub.card import quantizer_names, show_images
from vqzoo.hub.registry import Model
from vqzoo.metrics.table import METRICS, names, show, show_of
from vqzoo.views.engine import Engine, Photo
from vqzoo.views.job import Job
from vqzoo.views.methods import about
from vqzoo.views.pictures import Picture, viewer_value
from vqzoo.views.usage import Use, usage_figure

ORIGINAL = "original"
_FIRST_QUANTIZERS = ("vq", "cvq", "rvq", "looc")
_QUALITY = names("image", table="photographs")
_MEANS = {
    "psnr": "Peak signal-to-noise ratio of the bytes: 3 dB more is half the squared error.",
    "ssim": "Structural similarity: 1 is equal.",
    "ms_ssim": "Structural similarity at five scales: 1 is equal.",
    "lpips": "Distance of a network's features, near what people see: 0 is equal.",
}


def _tip(name: str) -> str:
    better = {"higher": " Higher is better.", "lower": " Lower is better.", "": ""}[METRICS[name].better]
    return _MEANS.get(name, METRICS[name].label + ".") + better


COLUMNS: dict[str, str] = {
    "model": "Model, or codec at the bits of a model.",
    **{METRICS[name].head: _tip(name) for name in _QUALITY},
    METRICS["bits_per_image"].head: "Every index that decoding needs, before entropy coding; of a codec its file.",
    METRICS["bits_per_pixel"].head: "True bits over the photograph's pixels; raw pixels have 24.",
    "% of raw": "True bits as a share of raw 8-bit pixels.",
    "usage here": "Share of the codevectors that this photograph uses.",
    "usage on test split": "Share of the codevectors that the test images use.",
    "encode ms": "Milliseconds to encode this photograph on this machine.",
    "decode ms": "Milliseconds to decode this photograph on this machine.",
    "weights M": "Weights and codevectors, in millions.",
    "images seen": "Images seen in training, each as often as it was seen; of a codec its setting.",
}
"""Heading -> what it means, of the table of a comparison."""


@dataclass(frozen=True)
class Comparison:
    """What is compared: the path of a photograph, its longest side in pixels, and names of models and codecs."""

    photo: str
    side: int
    models: tuple[str, ...]
    codecs: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of all rows, models first."""
        return (*self.models, *self.codecs)

    def __str__(self) -> str:
        """Return the numbers of models and codecs as a sentence."""
        models, codecs = len(self.models), len(self.codecs)
        text = f"{models} {'model' if models == 1 else 'models'}"
        return f"{text} and {codecs} {'row' if codecs == 1 else 'rows'} of codecs." if codecs else f"{text}."


def first_models(models: list[Model]) -> list[str]:
    """Return one model for each quantizer that the page opens with, or the first four models if it has none of them."""
    first: dict[str, str] = {}
    for model in models:
        quantizer, *finer = quantizer_names(model.config)
        if quantizer in _FIRST_QUANTIZERS and not finer and not model.networkless:
            first.setdefault(quantizer, model.name)
    return list(first.values()) or [model.name for model in models[:4]]


@dataclass(frozen=True)
class Status:
    """The progress of a comparison as text; `kind` is "running", "done", "stopped" or "error"."""

    kind: str
    text: str


SORTS: dict[str, tuple[str, bool]] = {
    **{METRICS[name].word: (name, METRICS[name].sign > 0) for name in ("bits_per_image", *_QUALITY)},
    "usage here": ("usage", True),
    "time to encode": ("encode_ms", False),
    "time to decode": ("decode_ms", False),
}
"""Label of a sort key -> (metric, whether higher is better)."""
FIRST_SORT = next(iter(SORTS))


def compare(
    engine: Engine,
    path: str | None,
    side: int,
    names: Sequence[str],
    codecs: bool = False,
    sort: str = FIRST_SORT,
    worst_first: bool = False,
) -> Iterator[dict[str, Any]]:
    """Yield the values of changed components before and after each model.

    What the engine has computed before comes with the first step. With `codecs`, every image codec and the fitted PCAs
    follow at each of the models' rates below that of raw pixels.
    Rows and pictures are ordered by `sort`, a key of `SORTS`. Raises ValueError for a missing or unknown choice.
    """
    if not path:
        raise ValueError("Choose a photograph first: drop one in, paste one, or click an example.")
    if not names:
        raise ValueError("Tick at least one model.")
    if sort not in SORTS:
        raise ValueError(f"sort={sort!r}: expected one of {', '.join(SORTS)}")
    photo = engine.photo(path, side)
    drawing = _Drawing(engine, photo, sort, worst_first)
    ordered = sorted(names, key=lambda name: _bits(engine.models[name]))

    def listed() -> Comparison:
        rows = [name for name in ordered if name in drawing.results]
        return Comparison(path, side, tuple(rows), tuple(name for name in drawing.results if name not in rows))

    def each(jobs: Sequence[str], what: str) -> Iterator[dict[str, Any]]:
        drawing.add(engine.cached(jobs, photo))
        missing = [name for name in jobs if name not in drawing.results]
        outcomes = engine.run_all(list(map(Job, missing)), photo)
        for number, name in enumerate(missing, 1 + len(jobs) - len(missing)):
            status = Status("running", f"{name}: {number} of {len(jobs)} {what}")
            yield drawing.step(missing[number - 1 - len(jobs) :]) | {"status": status, "listed": listed()}
            drawing.add({name: next(outcomes)})
        next(outcomes, None)  # ends the call, so that ZeroGPU takes its GPU back

    yield from each(ordered, "models")
    if codecs:
        yield from each(_labels(engine, drawing.results, photo), "codecs")
    yield {
        **drawing.step(),
        "usage": _usage(engine, drawing.results),
        "shown": Comparison(path, side, tuple(ordered)),
        "listed": listed(),
        "device": device_line(engine),
        "status": Status("done", str(listed())),
    }


class _Drawing:
    """The pictures and the table of the results so far, each picture encoded once and not at every step."""

    def __init__(self, engine: Engine, photo: Photo, sort: str, worst_first: bool):
        self.engine, self.photo, self.sort, self.worst_first = engine, photo, sort, worst_first
        self.results: dict[str, Result] = {}
        self._drawn = {ORIGINAL: Picture(ORIGINAL, photo.pixels, "what the models are given")}

    def add(self, results: Mapping[str, Result]) -> None:
        """Add results by name."""
        for name, result in results.items():
            self.results[name] = result
            model = self.engine.models.get(name)
            self._drawn[name] = Picture(name, result.pixels, _caption(result), about(model) if model else "")

    def step(self, waiting: Sequence[str] = ()) -> dict[str, Any]:
        """Return pictures, table, orders of `SORTS`, codecs behind models, and the names of those `waiting`."""
        orders = _orders(self.results)
        names = orders[self.sort][::-1] if self.worst_first else orders[self.sort]
        names = [*names, *(name for name in orders[FIRST_SORT] if name not in names)]
        pictures = viewer_value([self._drawn[name] for name in (ORIGINAL, *names)], self.photo.note)
        more = {"orders": orders, "behind": _behind(self.results), "waiting": list(waiting)}
        return {"viewer": pictures | more, "table": [_row(self.engine, name, self.results[name]) for name in names]}


def _behind(results: Mapping[str, Result]) -> dict[str, list[str]]:
    """Return the codecs at the bits of each model by the model's name, those of the highest PSNR first."""
    codecs = {name: codec[1] for name in results if (codec := parse_label(name))}
    bits = {name: results[name].metrics["bits_per_image"] for name in results if name not in codecs}
    rates = rate_groups(bits.values())
    best = sorted(codecs, key=lambda name: -results[name].metrics["psnr"])
    behind = {}
    for name, value in bits.items():
        rate = next(rate for rate in rates if round(value) <= rate)
        behind[name] = [codec for codec in best if codecs[codec] == rate]
    return {name: those for name, those in behind.items() if those}


def stopped(listed: Comparison, shown: Comparison) -> tuple[Comparison, Status]:
    """Return the comparison that the pages show after a stop, and the status line.

    `listed` is the state after the last step; `shown`, the previous comparison, is kept if no model was finished.
    """
    text = f"after {str(listed)[:-1]}: these are what is shown" if listed.rows else "before the first model"
    return replace(listed, codecs=()) if listed.models else shown, Status("stopped", f"Stopped {text}.")


def beside(engine: Engine) -> list[str]:
    """Return what models can be compared with at equal bits: the codecs of this machine, and PCA if one is fitted."""
    return [*available(), *([PCA] if engine.linear() else [])]


def _labels(engine: Engine, results: dict[str, Result], photo: Photo) -> list[str]:
    rates = rate_groups([result.metrics["bits_per_image"] for result in results.values()])
    return [label(codec, bits) for bits in rates if bits < 8 * photo.pixels.size for codec in beside(engine)]


def _orders(results: dict[str, Result]) -> dict[str, list[str]]:
    """Return for each of `SORTS` the names with a value, best first; codecs follow the models whose bits they got."""

    def rank(name: str) -> tuple[float, bool]:
        codec = parse_label(name)
        return (codec[1], True) if codec else (results[name].metrics["bits_per_image"], False)

    orders = {}
    for sort, (metric, more) in SORTS.items():
        known = [name for name in sorted(results, key=rank) if results[name].metrics.get(metric) is not None]
        if sort != FIRST_SORT:
            known.sort(key=lambda name: results[name].metrics[metric], reverse=more)
        orders[sort] = known
    return orders


def device_line(engine: Engine) -> str:
    """Return the name of the device and its memory as a line of text."""
    device = engine.describe_device()
    if device.used is None or device.total is None:
        return device.name
    return f"{device.name} · {device.used / 2**30:.1f} of {device.total / 2**30:.0f} GiB memory in use"


def _caption(result: Result) -> str:
    metrics = result.metrics
    setting = f"{_codec_setting(metrics)} · " if _codec_setting(metrics) else ""
    bits = show("bits_per_pixel", metrics["bits_per_pixel"])
    alone = " · as a picture of its own" if metrics.get("alone") else ""
    return setting + f"{METRICS['psnr'].with_unit(metrics['psnr'])} · {bits} bits / pixel{alone}"


def _row(engine: Engine, name: str, result: Result) -> list[Any]:
    model, metrics = engine.models.get(name), result.metrics  # a codec is no model
    return [
        name,
        *(METRICS[m].rounded(metrics.get(m)) if METRICS[m].always else show_of(m, metrics) for m in _QUALITY),
        round(metrics["bits_per_image"]),
        round(metrics["bits_per_pixel"], 3),
        round(100 * metrics["share_of_raw"], 2),
        show("usage", metrics["usage"]),
        _test_usage(model),
        None if metrics["encode_ms"] is None else round(metrics["encode_ms"], 1),
        None if metrics["decode_ms"] is None else round(metrics["decode_ms"], 1),
        None if "parameters" not in metrics else round(metrics["parameters"] / 1e6, 2),
        show_images(model.metrics) if model else _codec_setting(metrics),
    ]


def _bits(model: Model) -> float:
    """Return the true bits of a test image; infinity for a model that was not measured."""
    return model.metrics["metrics"]["bits_per_image"] if model.measured else math.inf


def _test_usage(model: Model | None) -> str:
    """`model` is None for a codec."""
    metrics = {"usage": None} if model is None else model.metrics.get("metrics", {})
    return show("usage", metrics["usage"]) if "usage" in metrics else "not measured"


def _codec_setting(metrics: dict[str, Any]) -> str:
    """Return the setting with which a codec reached its bits; "" for a model."""
    if "basis" in metrics:
        return f"{metrics['components']} components of {metrics['basis']}"
    if "quality" in metrics:
        return f"quality {metrics['quality']}" if metrics["met"] else "cannot go lower"
    return ""


def _usage(engine: Engine, results: dict[str, Result]) -> go.Figure:
    uses = []
    for name, result in results.items():
        if result.counts is not None:
            test = engine.test_counts(name)
            if test is not None and [len(column) for column in test] != [len(column) for column in result.counts]:
                test = None  # counted of another quantizer
            uses.append(Use(name, result.counts, test, result.codebook_of))
    return usage_figure(uses)
