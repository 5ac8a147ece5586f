"""The table of metrics: cards, CSV heads, pages, studies, tolerances and docs/metrics.md follow from its rows.

To add a metric, write its function and give it a row; then run `python docs/metrics.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

Kind = Literal["image", "set", "rate", "usage", "derived", "study", "generation"]
Table = Literal["models", "photographs", "rates"]

NOT_AVAILABLE = "not available"


_FIDELITY = "vqzoo.metrics.fidelity:"
_LPIPS = "vqzoo.metrics.perceptual:distance"


def named(function: str) -> Callable[..., Any]:
    """Return the function that "module:name" names, imported on first use."""
    module, _, name = function.partition(":")
    imported: Callable[..., Any] = getattr(import_module(module), name)
    return imported


@dataclass(frozen=True)
class Metric:
    """A row of the table.

    name: key in metrics.json and head of CSV columns.
    label, unit: its name on pages and cards; short: its name in the head of a column, by default `label`.
    format: format specification of a value.
    kind: "image": of an image and its original, averaged over images; "set": of the features of all images; "rate";
        "usage": of the indices; "derived": computed from another metric where it is drawn; "study": in studies alone;
        "generation": of what a prior generates from tokens, in `vqzoo.generation.column`.
    better: which values are better; empty if neither is.
    function: "module:name" of a function (images, originals) -> (b,) of uint8 tensors (b, c, h, w), for kind "image".
    network: whether the function needs a `Perceptual` as its third argument.
    shared: "module:name" of a function (images, originals) whose result is the third argument, computed once for all
        metrics that name it.
    features: number of features of an image that the `Extractor` computes, for kind "set".
    minimum_side: shortest side, in pixels, that the function accepts; networks have limits of their own.
    bounds, whole: range of the values in a record, and whether they are integers.
    tolerance: largest difference of a repeated measurement from the record, as a share of it if `relative`.
    tables: tables with a column for it, for kinds "image" and "set": lists of models, photographs, the Rate page.
    missing: text for null in a record.
    """

    name: str
    label: str
    format: str
    kind: Kind
    better: Literal["higher", "lower", ""] = "lower"
    function: str = ""
    unit: str = ""
    short: str = ""
    network: bool = False
    shared: str = ""
    features: int = 0
    minimum_side: int = 1
    bounds: tuple[float, float] = (0, 1e15)
    whole: bool = False
    tolerance: float = 1e-4
    relative: bool = False
    tables: tuple[Table, ...] = ("models", "photographs", "rates")
    missing: str = NOT_AVAILABLE

    @property
    def title(self) -> str:
        """Label and unit."""
        return f"{self.label}, {self.unit}" if self.unit else self.label

    @property
    def word(self) -> str:
        """The short label."""
        return self.short or self.label

    @property
    def head(self) -> str:
        """Short label and unit, for a column."""
        return f"{self.word}, {self.unit}" if self.unit else self.word

    @property
    def always(self) -> bool:
        """Whether the metric is defined for all images that the app and the command line accept."""
        return not self.network and self.minimum_side <= 16

    @property
    def sign(self) -> int:
        """1 if higher is better, -1 if lower is, 0 if neither."""
        return {"higher": 1, "lower": -1, "": 0}[self.better]

    @property
    def computed(self) -> Callable[..., Any]:
        """The function, imported on first use."""
        return named(self.function)

    def text(self, value: float | None) -> str:
        """Return a value as text."""
        return self.missing if value is None else format(value, self.format)

    def with_unit(self, value: float | None) -> str:
        """Return a value with its unit, or with the label if it has no unit: "27.65 dB", "SSIM 0.9124"."""
        return f"{self.text(value)} {self.unit}" if self.unit else f"{self.label} {self.text(value)}"

    def rounded(self, value: float | None) -> float | None:
        """Return a value rounded as in `text`; in percent if the text is."""
        return None if value is None else float(self.text(value).replace(",", "").rstrip("%"))

    def allowed(self, recorded: float) -> float:
        """Return how far a repeated measurement may be from the recorded value."""
        return self.tolerance * recorded if self.relative else self.tolerance


_ROWS = (
    Metric("psnr", "PSNR", ".2f", "image", "higher", _FIDELITY + "psnr", "dB", bounds=(-1000, 1000), tolerance=0.01),
    Metric(
        "ssim",
        "SSIM",
        ".4f",
        "image",
        "higher",
        _FIDELITY + "ssim",
        shared=_FIDELITY + "structure",
        minimum_side=6,
        bounds=(-1, 1),
    ),
    Metric(
        "ms_ssim",
        "MS-SSIM",
        ".4f",
        "image",
        "higher",
        _FIDELITY + "ms_ssim",
        shared=_FIDELITY + "structure",
        minimum_side=161,
        bounds=(0, 1),
        tables=("photographs",),
    ),
    Metric("lpips", "LPIPS", ".4f", "image", "lower", _LPIPS, network=True, bounds=(0, 1000)),
    Metric("rfid", "rFID", ",.2f", "set", features=2048, bounds=(-1, 1e9), tolerance=0.01, relative=True, tables=()),
    Metric(
        "rfid_squeeze",
        "rFID of SqueezeNet features",
        ",.1f",
        "set",
        features=512,
        bounds=(-1, 1e9),
        tolerance=0.01,
        relative=True,
        tables=("rates",),
    ),
    Metric("l1", "L1 on [0, 1]", ".4f", "image", "lower", _FIDELITY + "l1", bounds=(0, 1), tables=("rates",)),
    Metric("bits_per_image", "true bits per image", ",.0f", "rate", short="true bits", tolerance=1e-6),
    Metric("bits_per_pixel", "bits per pixel", ".3f", "rate", short="bits / pixel", tolerance=1e-6),
    Metric("share_of_raw", "share of raw 8-bit pixels", ".1%", "rate", short="of raw", tolerance=1e-6),
    Metric(
        "usage",
        "codebook usage",
        ".1%",
        "usage",
        "higher",
        short="usage",
        bounds=(0, 1),
        tolerance=0.005,
        missing="no codebook",
    ),
    Metric("perplexity", "perplexity", ".1f", "usage", "", tolerance=1),
    Metric("dead", "dead codevectors", "d", "usage", whole=True, tolerance=5),
    Metric("mse", "squared error on [0, 1], geometric mean of images", ".5f", "derived"),
    Metric("fid", "FID of samples", ".4g", "study"),
    Metric("reconstruction_loss", "sum of squared errors over batches", ".3f", "study"),
    Metric("prior_bits", "bits under the prior", ",.1f", "generation", short="prior's bits"),
    Metric("fid_squeeze", "FID of samples, SqueezeNet features", ",.0f", "generation", short="FID, SqueezeNet"),
    Metric("agreement", "class agreement", ".1%", "generation", "higher", short="agreement"),
    Metric("nearest", "distance to the nearest training image", ".1f", "generation", "", short="nearest"),
    Metric("copies", "nearer to a training image than 99 % of held-out ones", ".1%", "generation", short="copies"),
    Metric("seconds_per_image", "seconds an image", ".3f", "generation", short="s an image"),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ROWS}
"""Name -> row, in the order in which tables show them."""


def names(*kinds: Kind, table: Table | None = None) -> tuple[str, ...]:
    """Return the names of metrics of these kinds, with `table` those with a column in it, in the table's order."""
    return tuple(m.name for m in METRICS.values() if m.kind in kinds and (table is None or table in m.tables))


def recorded() -> tuple[str, ...]:
    """Return the names of metrics that a metrics.json can hold."""
    return names("image", "set", "rate", "usage")


def present(metrics: Mapping[str, Any]) -> list[str]:
    """Return the names of metrics that a record holds, null included, in the table's order."""
    return [name for name in recorded() if name in metrics]


def show(name: str, value: float | None) -> str:
    """Return a metric's value as text."""
    return METRICS[name].text(value)


def show_of(name: str, metrics: Mapping[str, Any]) -> str:
    """Return a record's value of a metric as text; "not available" if the record has no such key."""
    return show(name, metrics[name]) if name in metrics else NOT_AVAILABLE
