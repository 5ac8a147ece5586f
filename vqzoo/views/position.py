"""Positional encodings: twin models, their difference, and each encoding switched off."""

from collections.abc import Iterator, Sequence
from itertools import islice
from os.path import commonprefix
from typing import Any

from vqzoo.analysis.result import Result
from vqzoo.hub.card import trained_clause
from vqzoo.hub.registry import Model
from vqzoo.hub.twins import has_encoding, twins
from vqzoo.metrics.table import METRICS, names, show
from vqzoo.views.closeups import close_ups
from vqzoo.views.comparison import ORIGINAL, Comparison
from vqzoo.views.engine import Engine
from vqzoo.views.job import Job
from vqzoo.views.pictures import Difference, Picture, viewer_value
from vqzoo.views.training import LOGARITHMIC, Panel, has_curves, key_table, panels, training_curves

ABOUT = (
    "Twins are two models equal in data, network, quantizer and training recipe, and different in their positional "
    "encoding alone; two of different encodings are twins, too. *Switched off*, a model decodes without the encoding "
    "that it was trained with: that shows how much it leans on it, not what it would be like without. A difference is "
    "the absolute difference of bytes, black where there is none; the scale above the pictures tells which difference "
    "is the brightest. Twins have one seed each, and short trainings vary: which of them is the better one here is no "
    "proof for or against an encoding."
)

CURVES = 6
"""The largest number of panels of curves: the loss and its terms."""
_NO_LOSS = {"learning rate", "gradient gap", "usage", "perplexity", "images a second", "peak memory, MiB"}

_ENDS = {"decoder": "", "encoder": " at the encoder", "both": " at both ends"}
_ADDED = {
    "decoder": "added to what its decoder gets",
    "encoder": "added to what its encoder gives",
    "both": "added to what its encoder gives and to what its decoder gets",
}


def cases(models: Sequence[Model]) -> dict[str, tuple[Model, ...]]:
    """Return the choices of the page by label: every pair of twins, then every model with an encoding and no twin."""
    pairs = twins(models)
    paired = {model.name for pair in pairs for model in pair}
    alone = [model for model in models if has_encoding(model) and model.name not in paired]
    return {_pair_label(*pair): pair for pair in pairs} | {f"{model.name}, without a twin": (model,) for model in alone}


def show_case(engine: Engine, shown: Comparison, case: Sequence[Model]) -> Iterator[dict[str, Any]]:
    """Yield {"viewer": its value, "pictures": those in it} after each reconstruction, at last {"closeups": `CloseUp`s}.

    Raises ValueError as `Engine.run` does.
    """
    photo = engine.photo(shown.photo, shown.side)
    encoded = [model for model in case if has_encoding(model)]
    jobs = [Job(model.name) for model in case] + [Job(model.name, position=False) for model in encoded]
    results = engine.run_all(jobs, photo)
    note = _note(case)
    pictures: list[Picture | Difference] = []
    on: dict[str, Picture] = {}
    for model, result in zip(case, islice(results, len(case)), strict=True):
        if not pictures:
            pictures.append(Picture(ORIGINAL, result.original, "what the models are given"))
        on[model.name] = Picture(_encoding(model), result.pixels, _caption(result))
        pictures.append(on[model.name])
        yield {"viewer": viewer_value(pictures, note), "pictures": list(pictures)}
    if len(on) == 2:
        pictures.append(Difference("difference of the two", *on.values()))
    pairs = []
    for model, result in zip(encoded, results, strict=True):
        picture = on[model.name]
        off = Picture(f"{picture.name}, switched off", result.pixels, _caption(result))
        pairs.append((picture, off))
        pictures += [off, Difference(f"{picture.name}, on minus off", picture, off)]
        yield {"viewer": viewer_value(pictures, note), "pictures": list(pictures)}
    yield {"closeups": close_ups(pairs, [picture for picture in pictures if isinstance(picture, Picture)])}


def curves(case: Sequence[Model]) -> tuple[list[Panel], str, str]:
    """Return the training curves of a case: panels of the loss and its terms, an HTML table, and a note on gaps."""
    trainings = [training_curves(model) for model in case if has_curves(model)]
    shown = [panel for panel in panels(trainings) if panel.title.removesuffix(LOGARITHMIC) not in _NO_LOSS][:CURVES]
    missing = [model.name for model in case if not has_curves(model)]
    sparse = [training for training in trainings if not training.train.get("step")]
    notes = [f"Of {' and '.join(missing)} no curves are known."] if missing else []
    if sparse:
        points = " and ".join(str(len(training.held_out.get("step", []))) for training in sparse)
        notes.append(
            f"Of {' and '.join(training.name for training in sparse)} the points on held-out images alone were kept: "
            f"{points} of them."
        )
    return shown, key_table(trainings) if trainings else "", " ".join(notes)


def _pair_label(one: Model, two: Model) -> str:
    """Return both names, the second without the prefix up to a hyphen that they share."""
    common = commonprefix([f"{one.name}-", f"{two.name}-"]).rpartition("-")[0]
    return f"{one.name} and {'…' if common else ''}{two.name[len(common) :]}"


def _encoding(model: Model) -> str:
    position = model.config["position"]
    return f"{position['name']}{_ENDS[position.get('place', 'decoder')]}" if has_encoding(model) else "no encoding"


def _note(case: Sequence[Model]) -> str:
    text = " ".join(f"{model.name}: {_describe(model)}." for model in case)
    return f"{text} {'All else is equal.' if len(case) == 2 else 'There is no twin of it here.'}"


def _describe(model: Model) -> str:
    position, trained = model.config["position"], trained_clause(model.metrics)
    if not has_encoding(model):
        return f"no encoding, {trained}"
    return f"{position['name']} encoding, {_ADDED[position.get('place', 'decoder')]}, {trained}"


def _caption(result: Result) -> str:
    metrics = result.metrics
    known = [name for name in names("image", table="models") if metrics[name] is not None]
    bits = f"{show('bits_per_pixel', metrics['bits_per_pixel'])} bits / pixel"
    return " · ".join([*(METRICS[name].with_unit(metrics[name]) for name in known), bits])
