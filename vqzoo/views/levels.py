"""Reconstructions from the first levels of a residual model alone."""

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
"""Quantizers whose first levels approximate the latents -> the setting that holds the number of levels."""


def num_levels(model: Model) -> int:
    """Return how many levels a model's quantizer adds up; 0 if it is not residual or its settings are unknown."""
    (name, *finer), quantizer = quantizer_names(model.config), model.config["quantizer"]
    if finer or name not in _LEVELS or not isinstance(quantizer, dict) or _LEVELS[name] not in quantizer:
        return 0  # the Hub's list of models lacks the settings
    levels = quantizer[_LEVELS[name]]
    return len(levels) if isinstance(levels, list) else int(levels)


def residual(models: Sequence[Model]) -> list[str]:
    """Return the names of the models with several levels."""
    return [model.name for model in models if num_levels(model) > 1]


def show_levels(engine: Engine, shown: Comparison, name: str, levels: int) -> Iterator[dict[str, Any]]:
    """Yield the viewer's value after each reconstruction: from the first `levels`, then from all of them.

    Raises ValueError for a number of levels that the model does not have, and as `Engine.run` does.
    """
    photo, count = engine.photo(shown.photo, shown.side), num_levels(engine.models[name])
    if not 1 <= levels <= count:
        raise ValueError(f"levels={levels}: {name} has {count}; choose from 1 to {count}")
    pictures: list[Picture] = []
    for title, result in zip(
        (f"first {levels} of {count}", f"all {count}"),
        engine.run_all([Job(name, levels=levels), Job(name)], photo),
        strict=True,
    ):
        if not pictures:
            pictures.append(Picture(ORIGINAL, result.original, "what the model is given"))
        pictures.append(Picture(title, result.pixels, _caption(result)))
        yield viewer_value(pictures, f"{name}, {photo.note}")


def _caption(result: Result) -> str:
    metrics = result.metrics
    bits = f"{show('bits_per_image', metrics['bits_per_image'])} true bits"
    psnr, per_pixel = METRICS["psnr"].with_unit(metrics["psnr"]), show("bits_per_pixel", metrics["bits_per_pixel"])
    return f"{psnr} · {bits} · {per_pixel} a pixel"
