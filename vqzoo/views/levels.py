"""What the first levels of a residual model alone make of a photograph."""

from collections.abc import Iterator, Sequence
from typing import Any

from vqzoo.analysis.result import Result
from vqzoo.hub.card import quantizer_names
from vqzoo.hub.registry import Model
from vqzoo.metrics.table import METRICS, show
from vqzoo.views.comparison import ORIGINAL, Comparison
from vqzoo.views.engine import Engine
from vqzoo.views.job import Job
from vqzoo.views.pictures import Picture, viewer_value

ABOUT = (
    "A residual quantizer is a sum of levels, coarse to fine: each quantizes what the ones before it left over. Here "
    "the first of them alone are decoded, at the true bits of these; the model was trained to be decoded with all."
)

_LEVELS = {"rvq": "levels", "rq": "levels", "multiscale": "scales"}
"""Quantizers whose first levels alone are an approximation -> the setting that tells how many there are."""


def num_levels(model: Model) -> int:
    """How many levels a model's quantizer adds up; 0 where its first ones alone are none of its reconstructions."""
    (name, *finer), quantizer = quantizer_names(model.config), model.config["quantizer"]
    if finer or name not in _LEVELS or not isinstance(quantizer, dict) or _LEVELS[name] not in quantizer:
        return 0  # of a model known from the Hub's list alone the settings are not known
    levels = quantizer[_LEVELS[name]]
    return len(levels) if isinstance(levels, list) else int(levels)


def residual(models: Sequence[Model]) -> list[str]:
    """Names of those that have levels."""
    return [model.name for model in models if num_levels(model) > 1]


def show_levels(engine: Engine, shown: Comparison, name: str, levels: int) -> Iterator[dict[str, Any]]:
    """The viewer's value after each reconstruction: the first `levels`, then all of them.

    Raises ValueError for levels that the model does not have, and as `Engine.run` does.
    """
    photo, count = engine.photo(shown.photo, shown.side), num_levels(engine.models[name])
    if not 1 <= levels <= count:
        raise ValueError(f"levels={levels}: {name} has {count}; choose from 1 to {count}")
    pictures: list[Picture] = []
    for said, result in zip(
        (f"first {levels} of {count}", f"all {count}"),
        engine.run_all([Job(name, levels=levels), Job(name)], photo),
        strict=True,
    ):
        if not pictures:
            pictures.append(Picture(ORIGINAL, result.original, "what the model is given"))
        pictures.append(Picture(said, result.pixels, _caption(result)))
        yield viewer_value(pictures, f"{name}, {photo.note}")


def _caption(result: Result) -> str:
    metrics = result.metrics
    bits = f"{show('bits_per_image', metrics['bits_per_image'])} true bits"
    psnr, per_pixel = METRICS["psnr"].with_unit(metrics["psnr"]), show("bits_per_pixel", metrics["bits_per_pixel"])
    return f"{psnr} · {bits} · {per_pixel} a pixel"
