"""The photograph through a model or a codec, for the point of a figure that is pointed at."""

import re
from typing import Any

import numpy as np

from vqzoo.analysis.formats import label, parse_label
from vqzoo.metrics.table import METRICS, show
from vqzoo.views.comparison import Comparison
from vqzoo.views.engine import Engine
from vqzoo.views.job import Job
from vqzoo.views.pictures import Picture

_SIDE = 192
"""Longest side of the picture: what a point is worth is seen, and a CPU has it in a moment."""
_LEVELS = re.compile(r"(.+), first (\d+) levels")


def picture_of(engine: Engine, shown: Comparison, name: str, pixels: int | None) -> dict[str, Any]:
    """Return {"name", "uri", "caption"} of the photograph as the point of that name makes it; {} for an unknown name.

    pixels: of the images that a codec's bits in its name are of; None where they are of this photograph.
    """
    photo = engine.photo(shown.photo, min(shown.side, _SIDE))
    job = _job(engine, name, photo.pixels, pixels, shown)
    if job is None:
        return {}
    (result,) = engine.run_all([job], photo)
    psnr, bits = result.metrics["psnr"], show("bits_per_pixel", result.metrics["bits_per_pixel"])
    caption = f"your photograph: {METRICS['psnr'].with_unit(psnr)}, {bits} bits a pixel"
    return {"name": name, "uri": Picture(name, result.pixels).uri, "caption": caption}


def _job(engine: Engine, name: str, here: np.ndarray, pixels: int | None, shown: Comparison) -> Job | None:
    if codec := parse_label(name):
        per_pixel = codec[1] / (pixels or _pixels_of(engine, shown))
        return Job(label(codec[0], per_pixel * here.shape[0] * here.shape[1]))
    part = _LEVELS.fullmatch(name)
    model, levels = (part[1], int(part[2])) if part else (name, None)
    return Job(model, levels=levels) if model in list(engine.models) else None


def _pixels_of(engine: Engine, shown: Comparison) -> int:
    height, width = engine.photo(shown.photo, shown.side).pixels.shape[:2]
    return int(height * width)
