"""Which tokenizer to take for a photograph: a few candidates by their cards, measured on the photograph, in order."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vqzoo.analysis.formats import available, label, rate_groups
from vqzoo.analysis.result import Result
from vqzoo.hub.registry import Model
from vqzoo.metrics.table import METRICS
from vqzoo.views.choice import QUALITY, Answer, Choice, Wish
from vqzoo.views.choose_words import headline, selection_rule, trained, use
from vqzoo.views.comparison import Comparison
from vqzoo.views.engine import Engine, Photo
from vqzoo.views.job import Job

MOST, FEWEST = 6, 3
"""Most models of an answer, and fewest, if there are as many."""
SLACK = 0.05
"""Share by which a model's bits may exceed those of a wish, as in `rate_groups`."""
_MARGIN = 6.0  # dB by which PSNR on a photograph may exceed that on a model's own test images
_CODEC = "An image codec, for pictures to look at: it has no tokens."
_AT_EACH_RATE = 3  # models that are tried at each rate for a quality


@dataclass(frozen=True, eq=False)
class Candidate:
    """A model that suits colour photographs.

    bits: true bits of the photograph at hand, or the most where they depend on it. use: what the model is good for.
    """

    model: Model
    bits: float
    use: str


def choose(engine: Engine, path: str | None, side: int, wish: Wish) -> Iterator[Answer]:
    """Yield the answer so far after each model and codec, and at last the whole answer.

    Candidates are those of `candidates`; `rounds` says which of them are measured, `ranked` in which order they are.
    Raises ValueError without a photograph, for an unusable one, and if no model here suits photographs.
    """
    if not path:
        raise ValueError("Choose a photograph first: drop one in, paste one, or click an example.")
    photo = engine.photo(path, side)
    known = candidates(engine, photo)
    if not known:
        raise ValueError("No model here suits colour photographs; load one on the Zoo page.")
    answer = Answer(photo, Comparison(path, side, ()), wish)
    measured: list[Choice] = []
    for group in rounds(known, wish, photo, engine.loaded):
        names = [each.model.name for each in group]
        for number, (each, result) in enumerate(zip(group, _run(engine, names, photo), strict=True), 1):
            meets = _meets(result, wish, photo)
            measured.append(Choice(each.model.name, result, meets, each.use, trained(each.model)))
            yield _so_far(answer, measured, f"{each.model.name}: {number} of {len(group)} at this rate")
        if sum(choice.meets for choice in measured) and len(measured) >= FEWEST:
            break
    answer = _so_far(answer, measured, "Image codecs at the same bits")
    yield answer
    codec = _codec(engine, answer)
    yield replace(
        answer,
        codec=codec,
        headline=headline(answer.choices, codec, str(wish), wish.unit == QUALITY, _order_of(wish, measured)),
        why=selection_rule(str(wish), wish.unit == QUALITY, _order_of(wish, measured), len(measured), len(known)),
        progress="",
    )


def candidates(engine: Engine, photo: Photo) -> list[Candidate]:
    """Return the models on this machine that have three channels and tokens, with their true bits of a photograph."""
    from vqzoo.analysis.cost import cost  # and torch

    height, width = photo.pixels.shape[:2]
    suited = []
    for model in list(engine.models.values()):
        if model.config["autoencoder"].get("channels", 3) != 3 or not _here(engine, model):
            continue
        try:
            costs = cost(model.config, height, width)
        except (TypeError, ValueError, OverflowError, RuntimeError):
            continue  # its settings are missing or of a later version: the Zoo page says so
        if costs.books:
            suited.append(Candidate(model, costs.log2_choices, use(model, costs)))
    return suited


def rounds(
    known: Sequence[Candidate], wish: Wish, photo: Photo, first: Sequence[str] = ()
) -> Iterator[list[Candidate]]:
    """Yield groups of candidates to measure, until the wish is met.

    For bits: one group, those with at most so many and `SLACK`, the most bits first, at about equal bits those that are
    best on their own test images; fewer than `FEWEST` are filled up with the next higher bits. Models named in `first`
    come before others. For a quality: the best at each rate, fewest bits first, without rates whose models are far
    from it on their own test images.
    """
    groups = rate_groups([each.bits for each in known])
    rank = _ranks(known, "psnr" if wish.unit == QUALITY else wish.order)

    def group(each: Candidate) -> int:
        return bisect_left(groups, round(each.bits))

    bits = wish.bits(photo)
    if bits is not None:
        most = (1 + SLACK) * bits
        below = [each for each in known if each.bits <= most]
        below.sort(key=lambda each: (each.model.name not in first, -group(each), rank[each.model.name]))
        above = sorted(
            (each for each in known if each.bits > most), key=lambda each: (group(each), rank[each.model.name])
        )
        yield below[:MOST] + above[: max(0, FEWEST - len(below))]
        return
    ordered = sorted(known, key=lambda each: (group(each), each.model.name not in first, rank[each.model.name]))
    rates = [[each for each in ordered if group(each) == number] for number in range(len(groups))]
    near = [rate for rate in rates if max(_card(each.model, "psnr", 0) for each in rate) >= wish.value - _MARGIN]
    yield from (rate[:_AT_EACH_RATE] for rate in near or rates[-1:])


def ranked(choices: Sequence[Choice], wish: Wish) -> list[Choice]:
    """Return the choices that meet the wish before the others.

    For bits those that meet it are ordered by the wish's metric on the photograph, or by PSNR without it, and the
    others by their bits. For a quality those that reach it are ordered by their bits, and the others by PSNR. About
    equal bits are ordered by the metric.
    """
    order = _order_of(wish, choices)
    groups = rate_groups([each.result.metrics["bits_per_image"] for each in choices])

    def key(each: Choice) -> tuple[Any, ...]:
        metrics = each.result.metrics
        better = -METRICS[order].sign * metrics[order]
        rate = bisect_left(groups, round(metrics["bits_per_image"]))
        if wish.unit == QUALITY:
            return (False, rate, better) if each.meets else (True, -metrics["psnr"])
        return (False, better) if each.meets else (True, rate, better)

    return sorted(choices, key=key)


def _so_far(answer: Answer, measured: Sequence[Choice], progress: str) -> Answer:
    choices = tuple(ranked(measured, answer.wish)[:MOST])
    shown = replace(answer.shown, models=tuple(each.name for each in choices))
    return replace(answer, shown=shown, choices=choices, progress=f"{progress}.")


def _run(engine: Engine, names: Sequence[str], photo: Photo) -> Iterator[Result]:
    """Yield results, and end the engine's call, so that ZeroGPU takes its GPU back."""
    yield from engine.run_all([Job(name) for name in names], photo)


def _codec(engine: Engine, answer: Answer) -> Choice | None:
    """Return the best codec at the bits of the first choice, or the smallest file if none has so few bits."""
    bits = answer.choices[0].result.metrics["bits_per_image"]
    names = [label(codec, bits) for codec in available()]
    coded = zip(names, _run(engine, names, answer.photo), strict=True)
    choices = [Choice(name, result, result.metrics["met"], _CODEC) for name, result in coded]
    fitting = [each for each in choices if each.meets]
    if fitting:
        order = _order_of(answer.wish, fitting)
        return max(fitting, key=lambda each: METRICS[order].sign * each.result.metrics[order])
    return min(choices, key=lambda each: each.result.metrics["bits_per_image"], default=None)


def _order_of(wish: Wish, choices: Sequence[Choice]) -> str:
    """Return the metric of the wish, or PSNR if the photograph is too small for it."""
    return wish.order if all(each.result.metrics[wish.order] is not None for each in choices) else "psnr"


def _meets(result: Result, wish: Wish, photo: Photo) -> bool:
    bits = wish.bits(photo)
    if bits is None:
        return bool(result.metrics["psnr"] >= wish.value)
    return bool(result.metrics["bits_per_image"] <= (1 + SLACK) * bits)


def _here(engine: Engine, model: Model) -> bool:
    """Return whether a model's files are on this machine: an answer downloads nothing."""
    return model.source is not None or model.name in engine.loaded


def _ranks(known: Sequence[Candidate], metric: str) -> dict[str, int]:
    """Return each model's rank among those of its data set by a metric of its card; unmeasured ones come last."""
    ranks: dict[str, int] = {}
    for dataset in {each.model.metrics.get("dataset") for each in known}:
        models = [each.model for each in known if each.model.metrics.get("dataset") == dataset]
        models.sort(key=lambda model: -METRICS[metric].sign * _card(model, metric, -METRICS[metric].sign * 1e9))
        ranks |= {model.name: number for number, model in enumerate(models)}
    return ranks


def _card(model: Model, metric: str, unknown: float) -> float:
    value = model.metrics.get("metrics", {}).get(metric)
    return unknown if value is None else value
