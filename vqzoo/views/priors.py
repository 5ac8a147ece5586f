"""The priors of the app: which there are, what they cost, and each loaded once; torch is imported by the first."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from vqzoo.generation.column import read_rows
from vqzoo.generation.listing import PriorRecord, local_priors
from vqzoo.metrics.table import METRICS
from vqzoo.ops.check import check_choice
from vqzoo.ops.text import brief
from vqzoo.views.engine import Engine, Recent

if TYPE_CHECKING:
    from torch import Tensor

    from vqzoo.generation.store import Loaded

INSTALL = 'in the checkout, `pip install -e ".[generation]"`'
_MISSING = f"This page needs transformers: {INSTALL}, and start the app again."
_NONE = (
    "There is no prior here yet: make one with `vqzoo tokenize cifar10 --model cifar10-ema-1024x128 --out tokens` and "
    "`accelerate launch trainers/prior.py ar-small --tokens tokens --label label`, and start the app again."
)
NO_CLASS = "any class"
FIRST = 4
"""Priors that the page opens with."""

COLUMNS: dict[str, str] = {
    "prior": "Tokenizer, kind of prior and size.",
    "weights of the prior, M": "Numbers in the prior's weights, in millions.",
    "true bits": "Bits of every index that decoding needs, before entropy coding.",
    "bits under the prior": "-log2 of the probability of an image's tokens, a mean over test images: lower is better.",
    "saved, %": "What an ideal coder that knows the prior saves of the true bits.",
    METRICS["fid_squeeze"].head: "Distance of this prior's samples from the training images: lower is better.",
    "agreement, %": "Samples of a class that a classifier of real images takes for that class: higher is better.",
    METRICS["psnr"].head: "Of the tokenizer's reconstructions of the test split, without a prior.",
    METRICS["rfid_squeeze"].head: "Of the tokenizer's reconstructions of the test split, without a prior.",
    "seconds an image": "To draw and decode one here, in the last batch.",
}
"""Heading -> what it means, of the table of priors."""


@dataclass(frozen=True, eq=False)
class Ready:
    """A loaded prior with its tokenizer and classes, and the sequence (length,) of `generation.partial.neutral`."""

    loaded: "Loaded"
    neutral: "Tensor"


class Priors:
    """The priors in `cards_folder()`, which run on the engine's device, one computation at a time.

    seconds: of the last image that each drew.
    """

    def __init__(self, engine: Engine):
        priors, self.damaged = local_priors()
        self.engine = engine
        self.records: dict[str, PriorRecord] = {prior.name: prior for prior in priors}
        self.seconds: dict[str, float] = {}
        self._samples = {row.name: row.samples for row in read_rows()}
        self._ready: Recent[str, Ready] = Recent(16)

    @property
    def problem(self) -> str:
        """What to do to have priors here, in a sentence; "" where there are some."""
        return _MISSING if find_spec("transformers") is None else "" if self.records else _NONE

    def first(self) -> list[str]:
        """Return the names that the page opens with: of one kind and size, for the most frequent images and classes."""
        alike = Counter((each.size, each.classes, _kind(each)) for each in self.records.values())
        common = max(alike, key=alike.__getitem__, default=None)
        known = [each.name for each in self.records.values() if (each.size, each.classes, _kind(each)) == common]
        return known[:FIRST]

    def check(self, names: Sequence[str]) -> list[str]:
        """Return names without repetitions, those of `first` for none; ValueError for one that is not here."""
        if self.problem:
            raise ValueError(self.problem)
        return list(dict.fromkeys(check_choice("prior", name, self.records) for name in names)) or self.first()

    def classes(self) -> list[str]:
        """Return the names of all classes that a prior here knows, in their order."""
        return list(dict.fromkeys(name for each in self.records.values() for name in each.classes))

    @contextmanager
    def borrow(self, name: str) -> Iterator[Ready]:
        """Yield a prior while nothing else computes, so keep the block short; ValueError for one that cannot load."""
        with self.engine.alone() as device:
            yield self._ready.get(name, lambda: self._load(name, device))

    def table(self) -> list[list[Any]]:
        """Return the rows of `COLUMNS`, fewest bits under the prior first."""
        ordered = sorted(self.records.values(), key=lambda each: each.measured.get("bits_per_image", float("inf")))
        return [self._row(each) for each in ordered]

    def _row(self, prior: PriorRecord) -> list[Any]:
        measured, model = prior.measured, self.engine.models.get(prior.tokenizer)
        metrics = {} if model is None else model.metrics.get("metrics", {})
        bits, even = measured.get("bits_per_image"), measured.get("uniform_bits")
        seconds, samples = self.seconds.get(prior.name), self._samples.get(prior.name, {})
        return [
            prior.name,
            round(measured["weights"] / 1e6, 2) if "weights" in measured else None,
            None if even is None else round(even),
            None if bits is None else round(bits, 1),
            round(100 * (1 - bits / even), 1) if bits is not None and even else None,
            *(METRICS[name].rounded(samples.get(name)) for name in ("fid_squeeze", "agreement")),
            *(METRICS[name].rounded(metrics.get(name)) for name in ("psnr", "rfid_squeeze")),
            None if seconds is None else float(f"{seconds:.2g}"),
        ]

    def _load(self, name: str, device: Any) -> Ready:
        try:
            from vqzoo.generation.partial import neutral
            from vqzoo.generation.store import load_prior

            loaded = load_prior(name)
        except ModuleNotFoundError as error:
            raise ValueError(f"{name} needs {error.name}: {INSTALL}") from None
        except OSError as error:
            raise ValueError(brief(error)) from None
        ready = Ready(loaded, neutral(loaded.tokenizer, loaded.prior.sequences))
        loaded.prior.to(device)
        loaded.tokenizer.to(device)
        return ready


def _kind(prior: PriorRecord) -> str:
    """Return what a prior's name has behind its tokenizer's: kind and size."""
    return prior.name.removeprefix(f"{prior.tokenizer}-")
