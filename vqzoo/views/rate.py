"""Models and image codecs as points in the rate-distortion plane, for several definitions of the rate."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from vqzoo.analysis.measured_codecs import measured_codecs
from vqzoo.hub.card import trained_clause, trained_share
from vqzoo.hub.registry import Model
from vqzoo.metrics.table import METRICS, names
from vqzoo.views.engine import Engine

if TYPE_CHECKING:
    from vqzoo.quantizers.cost import Cost

ONE, SEVERAL, SCALAR, PCA, KMEANS, PLAIN = (
    "one codevector a latent",
    "several codevectors a latent",
    "no learnt codevectors",
    "PCA",
    "k-means of blocks",
    "no quantizer",
)
KINDS = (ONE, SEVERAL, SCALAR, PCA, KMEANS, PLAIN)
"""What a model stores for a latent; PCA and k-means have no network."""
OWN = "your points"
"""The kind and series of points that a visitor enters."""


@dataclass(frozen=True, eq=False)
class Point:
    """A model, or a codec at one rate, measured on a test split.

    Attributes:
        name: its name in figures and tables.
        kind: one of KINDS, OWN, or the name of the codec.
        series: key of the points to join by a line; models of one series differ in their sizes alone.
        metrics: as in metrics.json.
        cost: lookup cost of a test image; None if the config lacks the settings.
        trained: share of the recipe's full budget, up to 1; None if untrained or without such a budget.
        note: a description of the training.
        model: None for a codec.
        whole: whether it is a model as it is, not a codec and not its first levels alone.
    """

    name: str
    kind: str
    series: str
    metrics: dict[str, Any]
    cost: "Cost | None"
    trained: float | None
    note: str
    model: Model | None = None
    whole: bool = False


@dataclass(frozen=True)
class Axis:
    """A horizontal axis: a label with its unit, a description, and a function from a point to its value or None."""

    label: str
    about: str
    value: Callable[[Point], float | None]


class Plotted(NamedTuple):
    """A point and its coordinates in a figure."""

    point: Point
    x: float
    y: float


def _of_cost(value: Callable[["Cost"], float]) -> Callable[[Point], float | None]:
    """Return a function of a point's cost, which is None for a point without a codebook."""
    return lambda point: None if point.cost is None or not point.cost.books else value(point.cost)


AXES: dict[str, Axis] = {
    "bits per pixel": Axis(
        "true bits per pixel",
        "bits per image over height x width",
        lambda point: point.metrics.get("bits_per_pixel"),
    ),
    "bits per image": Axis(
        "true bits per image",
        "every index that decoding needs, before entropy coding; of a codec the whole file",
        lambda point: point.metrics.get("bits_per_image"),
    ),
    "codebook size": Axis(
        "codebook size K",
        "codevectors of the largest codebook; of scalars the largest alphabet",
        _of_cost(lambda cost: cost.codebook_size),
    ),
    "total codevectors": Axis(
        "codevectors of all codebooks",
        "a codebook that several levels or segments share counts once",
        _of_cost(lambda cost: cost.codevectors),
    ),
    "number of codebooks": Axis(
        "number of codebooks",
        "a shared codebook counts once; scalar alphabets of channels count each",
        _of_cost(lambda cost: len(cost.books)),
    ),
    "log2 of possible quantizations": Axis(
        "log2 of the possible quantizations of a latent",
        "of all index grids that an image can get, over the number of its latents: the bits of one latent, whatever "
        "the size of the latent grid",
        _of_cost(lambda cost: cost.log2_choices / cost.latents),
    ),
}


DISTORTIONS = names("image", "set", "derived")
"""The metrics of the vertical axis."""


class Rates:
    """The points of an engine's models and of the measured codecs; the cost of a model is computed once."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self._models: dict[str, tuple[Model, Point]] = {}

    @cached_property
    def _codecs(self) -> list[dict[str, Any]]:
        return measured_codecs()

    def datasets(self) -> list[str]:
        """Return the data sets on which models were measured."""
        return sorted({model.metrics["dataset"] for model in self._known()})

    def models(self, dataset: str) -> list[Point]:
        """Return the points of the models of a data set, fewest bits first."""
        points = [self.point(model) for model in self._known() if model.metrics["dataset"] == dataset]
        return sorted(points, key=lambda point: (point.metrics["bits_per_image"], point.name))

    def codecs(self, dataset: str) -> list[Point]:
        """Return the points of the codecs on a data set, by codec and bits."""
        return [
            Point(
                f"{row['codec']} at {row['metrics']['bits_per_image']:,.0f} bits",
                row["codec"],
                row["codec"],
                _with_mse(row["metrics"]),
                None,
                None,
                _met(row["metrics"]),
            )
            for row in self._codecs
            if row["dataset"] == dataset
        ]

    def pixels(self, dataset: str) -> int:
        """Return the number of pixels of an image of a data set's test split."""
        metrics = [point.metrics for point in (*self.codecs(dataset), *self.models(dataset))]
        return next((round(m["bits_per_image"] / m["bits_per_pixel"]) for m in metrics if m.get("bits_per_pixel")), 1)

    def metrics(self, dataset: str) -> list[str]:
        """Return those of `DISTORTIONS` that at least one model of a data set has."""
        cards = [model.metrics["metrics"] for model in self._known() if model.metrics["dataset"] == dataset]
        return [name for name in DISTORTIONS if any(_with_mse(card).get(name) is not None for card in cards)]

    def _known(self) -> list[Model]:
        """Return the models whose card holds a data set and a rate."""
        models = list(self.engine.models.values())
        return [m for m in models if m.metrics.get("dataset") and "bits_per_image" in m.metrics.get("metrics", {})]

    def point(self, model: Model) -> Point:
        """Return the point of a model on its test split."""
        known = self._models.get(model.name)
        if known is None or known[0] is not model:
            known = self._models[model.name] = (model, _point(model))
        return known[1]


def _point(model: Model) -> Point:
    metrics = _with_mse(model.metrics["metrics"])
    cost = _cost(model, metrics)
    share, note = _trained(model)
    return Point(model.name, _kind(model, cost), _series(model), metrics, cost, share, note, model, whole=True)


def _trained(model: Model) -> tuple[float | None, str]:
    training = model.metrics.get("training")
    if training is None:
        return None, "its card does not tell how long it was trained"
    if model.networkless:
        return None, "fitted, not trained"
    return trained_share(training), trained_clause(model.metrics)


def _with_mse(metrics: dict[str, Any]) -> dict[str, Any]:
    psnr = metrics.get("psnr")
    return {**metrics, "mse": None if psnr is None else 10 ** (-psnr / 10)}


def _met(metrics: dict[str, Any]) -> str:
    if metrics["met"] < 1:
        return f"asked for less, which {1 - metrics['met']:.0%} of the images cannot be had at"
    return f"quality {metrics['quality']:.0f} on average"


def _cost(model: Model, metrics: dict[str, Any]) -> "Cost | None":
    """Return the lookup cost of a test image; None if the config lacks the settings."""
    from vqzoo.analysis.cost import cost

    try:
        return cost(model.config, *_size(model, metrics))
    # The settings are missing, of a later version, or sizes that no tensor can have.
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


def _size(model: Model, metrics: dict[str, Any]) -> tuple[int, int]:
    """Return the sides of the square test images, which may be larger than the training crops."""
    per_pixel = metrics.get("bits_per_pixel")
    if not per_pixel:
        return model.config["resolution"], model.config["resolution"]
    side = round(math.sqrt(metrics["bits_per_image"] / per_pixel))
    return side, side


def _kind(model: Model, cost: "Cost | None") -> str:
    if model.networkless:
        return PCA if model.linear else KMEANS
    if cost is None:
        return ONE
    if not cost.books:
        return PLAIN
    if not any(book.stored for book in cost.books):
        return SCALAR
    return ONE if cost.indices <= cost.latents else SEVERAL


_SIZES = {"codebook_size", "levels", "segments", "factor", "dim", "latent_dim", "stride", "bits", "capacity", "scales"}
_SIZES |= {"codebooks", "code_dim"}


def _series(model: Model) -> str:
    """Return the config without its sizes, as a key."""

    def stripped(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: stripped(value) for key, value in part.items() if key not in _SIZES}
        return [stripped(each) for each in part] if isinstance(part, list) else part

    config = {key: stripped(model.config[key]) for key in ("autoencoder", "quantizer", "position")}
    return json.dumps(config, sort_keys=True)


def front(plotted: Sequence[Plotted], metric: str) -> list[Plotted]:
    """Return the Pareto front, lowest x first: the points that none beats in the metric at the same x or less.

    Points without a quantizer are no part of it.
    """
    sign, best, chosen = METRICS[metric].sign, -math.inf, []
    rated = [each for each in plotted if each.point.kind != PLAIN]
    for each in sorted(rated, key=lambda each: (each.x, -sign * each.y)):
        if sign * each.y > best:
            best = sign * each.y
            chosen.append(each)
    return chosen


def own_points(text: str, metric: str, pixels: int) -> list[Point]:
    """Return the points of lines "bits per pixel, quality" or "name, bits per pixel, quality".

    Raises ValueError that names the line that is neither. `pixels`: of an image, for its bits per image.
    """
    points = []
    for number, line in enumerate(filter(str.strip, text.splitlines()), 1):
        *name, rate, quality = (part.strip() for part in ("", *line.split(",")))
        try:
            values = float(rate), float(quality)
        except ValueError:
            values = (math.nan, math.nan)
        if len(name) > 2 or not (math.isfinite(values[1]) and 0 < values[0] < 1e6):
            raise ValueError(
                f"line {number} of your points, {line.strip()[:60]!r}: expected bits per pixel and a quality, such as "
                "0.5, 27.3, with a name before them if you like"
            )
        metrics = {"bits_per_pixel": values[0], "bits_per_image": values[0] * pixels, metric: values[1]}
        points.append(Point("".join(name) or f"point {number}", OWN, OWN, metrics, None, None, "entered on this page"))
    return points


def placed(points: Sequence[Point], axis: str, metric: str) -> list[Plotted]:
    """Return the coordinates of the points that have a value on the axis and in the metric."""
    plotted = []
    for point in points:
        x, y = AXES[axis].value(point), point.metrics.get(metric)
        if x is not None and x > 0 and y is not None:
            plotted.append(Plotted(point, float(x), float(y)))
    return plotted
