"""What the app opens with, shipped with the package so that it is shown before torch is imported."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vqzoo.analysis.examples import examples
from vqzoo.analysis.result import COSTS, Result
from vqzoo.files.storage import WEIGHTS, write_json
from vqzoo.hub.registry import Model
from vqzoo.hub.usage_file import packed, unpacked
from vqzoo.views.choice import Answer, Choice, Wish
from vqzoo.views.choose import choose
from vqzoo.views.comparison import Comparison, compare, first_models
from vqzoo.views.device import Device
from vqzoo.views.engine import Engine, Photo
from vqzoo.views.job import Job
from vqzoo.views.pictures import viewer_value
from vqzoo.views.style import message

PHOTOGRAPH = "Rocket"  # the example whose reconstructions are the smallest files
SIDE = 256
FOLDER = Path(__file__).with_name("opening")
"""A picture and the metrics of each model and codec, made by `python docs/make_opening.py`."""
_RECORD = "opening.json"
STARTING = "Starting: the models are on their way."


@dataclass(frozen=True, eq=False)
class Opening:
    """Results by name of model or codec, and the answer of the Choose page."""

    results: dict[str, Result]
    answer: Answer


def first(engine: Engine) -> Comparison:
    """Return the comparison that the app opens with: an example image and one model of each kind."""
    return Comparison(str(examples()[PHOTOGRAPH]), SIDE, tuple(first_models(list(engine.models.values()))))


def opened(engine: Engine, folder: Path = FOLDER) -> dict[str, Any] | None:
    """Return the values of the shipped comparison, as `compare` yields them last, and the `Answer` as "answer".

    Stores the results in the engine. None if the shipped photograph, models or weights are others. Timings are not
    shipped.
    """
    shipped = read(engine, folder)
    if shipped is None:
        return None
    shown = first(engine)
    *_, last = compare(_Shipped(engine, shipped.results), shown.photo, shown.side, shown.models)
    engine.show(shipped.results, engine.photo(shown.photo, shown.side))
    return last | {"answer": shipped.answer}


def pending(engine: Engine) -> dict[str, Any]:
    """Return the values of the page until its first comparison is computed."""
    return {
        "viewer": viewer_value([], f"{STARTING} The first comparison is being computed."),
        "table": [],
        "usage": message("The first comparison is being computed."),
        "shown": first(engine),
        "device": STARTING,
        "answer": None,
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


def read(engine: Engine, folder: Path = FOLDER) -> Opening | None:
    """Read what is shipped; None if it is of another photograph, other models or other weights."""
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except OSError:
        return None
    shown, names = first(engine), record["key"].keys() - {"photograph"}
    if not names >= set(shown.models) or not names <= engine.models.keys():
        return None
    if record["key"] != key(Path(shown.photo), [engine.models[name] for name in names]):
        return None
    photo = engine.photo(shown.photo, shown.side)
    results = {name: _result(folder, name, stored, photo) for name, stored in record["results"].items()}
    stored = record["answer"]
    *choices, codec = (Choice(result=results[each["name"]], **each) for each in stored["choices"])
    of = replace(shown, models=tuple(each.name for each in choices))
    return Opening(results, Answer(photo, of, Wish(), tuple(choices), codec, stored["headline"], stored["why"]))


def _result(folder: Path, name: str, stored: dict[str, Any], photo: Photo) -> Result:
    with Image.open(folder / file_of(name)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    counts = None if stored["counts"] is None else [np.array(unpacked(column)) for column in stored["counts"]]
    metrics = stored["metrics"] | dict.fromkeys(COSTS)
    return Result(pixels, photo.pixels, metrics, counts, tuple(stored["codebook_of"]))


def file_of(name: str) -> str:
    """Return the file name of the picture of a model or codec."""
    return f"{name.replace(' ', '-').replace(',', '')}.webp"


def write(folder: Path, engine: Engine) -> None:
    """Compute the comparison and the answer, and write them to `folder`."""
    shown = first(engine)
    photo = engine.photo(shown.photo, shown.side)
    *_, answer = choose(engine, shown.photo, shown.side, Wish())
    assert answer.codec is not None  # every Pillow has JPEG
    choices = [*answer.choices, answer.codec]
    results = dict(zip(shown.models, engine.run_all([Job(name) for name in shown.models], photo), strict=True))
    results |= {choice.name: choice.result for choice in choices}
    folder.mkdir(exist_ok=True)
    for name, result in results.items():
        Image.fromarray(result.pixels).save(folder / file_of(name), lossless=True, quality=100, method=6)
    record = {
        "photograph": Path(shown.photo).name,
        "key": key(Path(shown.photo), [engine.models[name] for name in results if name in engine.models]),
        "results": {name: _stored(result) for name, result in results.items()},
        "answer": {
            "headline": answer.headline,
            "why": answer.why,
            "choices": [
                {"name": each.name, "meets": each.meets, "use": each.use, "trained": each.trained} for each in choices
            ],
        },
    }
    write_json(folder / _RECORD, record, indent=None)


def _stored(result: Result) -> dict[str, Any]:
    return {
        "metrics": {key: value for key, value in result.metrics.items() if key not in COSTS},
        "counts": None if result.counts is None else [packed(column.tolist()) for column in result.counts],
        "codebook_of": result.codebook_of,
    }


def key(photograph: Path, models: list[Model]) -> dict[str, str]:
    """Return the sha256 of the photograph and of the weights of each model that has a folder."""
    weights = {model.name: model.source / WEIGHTS for model in models if model.source is not None}
    files = {"photograph": photograph, **weights}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items() if path.is_file()}
