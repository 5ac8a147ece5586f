"""The comparison that the app opens with, shipped with the package so that it is shown before torch is imported."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vqzoo.analysis.examples import examples
from vqzoo.analysis.result import COSTS, Result
from vqzoo.files.storage import WEIGHTS, write_json
from vqzoo.hub.registry import Model
from vqzoo.hub.usage_file import packed, unpacked
from vqzoo.images import load_image
from vqzoo.views.comparison import Comparison, compare, first_models
from vqzoo.views.device import Device
from vqzoo.views.engine import Engine, Photo
from vqzoo.views.job import Job
from vqzoo.views.pictures import viewer_value
from vqzoo.views.style import message

PHOTOGRAPH = "Rocket"  # the example whose reconstructions are the smallest files
SIDE = 256
FOLDER = Path(__file__).with_name("opening")
"""A picture and the metrics of each model, made by `python docs/make_opening.py`."""
_RECORD = "opening.json"
STARTING = "Starting: the models are on their way."


def first(engine: Engine) -> Comparison:
    """Return the comparison that the app opens with: an example image and one model of each kind."""
    return Comparison(str(examples()[PHOTOGRAPH]), SIDE, tuple(first_models(list(engine.models.values()))))


def opened(engine: Engine, folder: Path = FOLDER) -> dict[str, Any] | None:
    """Return the values of the shipped comparison, as `compare` yields them last, and store its results in the engine.

    None if the shipped photograph, models or weights are others. Timings are not shipped.
    """
    shown = first(engine)
    results = read(folder, Path(shown.photo), [engine.models[name] for name in shown.models])
    if results is None:
        return None
    shipped = _Shipped(engine, results)
    *_, last = compare(shipped, shown.photo, shown.side, shown.models)
    engine.show(results, engine.photo(shown.photo, shown.side))
    return last


def pending(engine: Engine) -> dict[str, Any]:
    """Return the values of the page until its first comparison is computed."""
    return {
        "viewer": viewer_value([], f"{STARTING} The first comparison is being computed."),
        "table": [],
        "usage": message("The first comparison is being computed."),
        "shown": first(engine),
        "device": STARTING,
    }


class _Shipped(Engine):
    """An engine that returns stored results."""

    def __init__(self, engine: Engine, results: dict[str, Result]):
        super().__init__(list(engine.models.values()))
        self._known = results

    def run_all(self, jobs: Sequence[Job], photo: Photo) -> Iterator[Result]:
        return (self._known[job.name] for job in jobs)

    def describe_device(self) -> Device:
        return Device(STARTING)


def read(folder: Path, photograph: Path, models: list[Model]) -> dict[str, Result] | None:
    """Read the shipped results; None if they are of another photograph, other models or other weights."""
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except OSError:
        return None
    if record["key"] != key(photograph, models):
        return None
    original = load_image(str(photograph), longest=SIDE).pixels
    results = {}
    for model in models:
        with Image.open(folder / f"{model.name}.webp") as picture:
            pixels = np.asarray(picture.convert("RGB"))
        stored = record["results"][model.name]
        counts = None if stored["counts"] is None else [np.array(unpacked(column)) for column in stored["counts"]]
        metrics = stored["metrics"] | dict.fromkeys(COSTS)
        results[model.name] = Result(pixels, original, metrics, counts, tuple(stored["codebook_of"]))
    return results


def write(folder: Path, engine: Engine) -> None:
    """Compute the comparison and write it to `folder`."""
    shown = first(engine)
    photo, names = Path(shown.photo), shown.models
    results = engine.run_all([Job(name) for name in names], engine.photo(shown.photo, shown.side))
    records = {}
    folder.mkdir(exist_ok=True)
    for name, result in zip(names, results, strict=True):
        Image.fromarray(result.pixels).save(folder / f"{name}.webp", lossless=True, quality=100, method=6)
        records[name] = {
            "metrics": {key: value for key, value in result.metrics.items() if key not in COSTS},
            "counts": None if result.counts is None else [packed(column.tolist()) for column in result.counts],
            "codebook_of": result.codebook_of,
        }
    key_now = key(photo, [engine.models[name] for name in names])
    record = {"photograph": photo.name, "key": key_now, "results": records}
    write_json(folder / _RECORD, record, indent=None)


def key(photograph: Path, models: list[Model]) -> dict[str, str]:
    """Return the sha256 of the photograph and of the weights of each model that has a folder."""
    weights = {model.name: model.source / WEIGHTS for model in models if model.source is not None}
    files = {"photograph": photograph, **weights}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items() if path.is_file()}
