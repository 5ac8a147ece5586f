"""Compare reported figures with measured ones: the runs of results.csv that belong to a row of a table."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from vqzoo.metrics.table import METRICS
from vqzoo.studies.rates import fixed_bits
from vqzoo.studies.reported import Row
from vqzoo.studies.results import BUDGETS, Result
from vqzoo.studies.settings import Setting

PAPERS_PROTOCOL = {"looc": "cvq-jpeg"}
"""Study -> protocol of its tables, used for runs that were measured with it; "lossless" otherwise."""


@dataclass(frozen=True)
class Compared:
    """A row of a table in one metric.

    values: mean over seeds by budget, for the budgets that have the metric.
    runs: lines behind each mean, by budget.
    bits: true bits an image, measured if possible; None if unknown.
    """

    row: Row
    reported: float | None
    values: dict[str, float]
    bits: float | None
    runs: dict[str, list[Result]] = field(default_factory=dict)

    @property
    def longest(self) -> str | None:
        """The longest budget that was trained; None without runs."""
        return max(self.runs, key=BUDGETS.index, default=None)

    @property
    def longest_runs(self) -> list[Result]:
        """The lines of the longest budget."""
        return self.runs[self.longest] if self.longest else []

    @property
    def measured(self) -> float | None:
        """The value at the longest budget; None if only shorter ones have it."""
        return self.values.get(self.longest) if self.longest else None

    @property
    def difference(self) -> float | None:
        """Measured minus reported; None if either is missing."""
        return None if self.measured is None or self.reported is None else self.measured - self.reported


def compare(row: Row, metric: str, lines: Sequence[Result]) -> Compared:
    """Return a row of a table with the runs that belong to it.

    LPIPS of another network than the tables' VGG is left out where a table reports LPIPS.
    """
    runs = {budget: each for budget in BUDGETS if (each := runs_of(row.setting, budget, lines))}
    values = {}
    for budget, each in runs.items():
        numbers = [run.numbers[metric] for run in each if metric in run.numbers and _comparable(run, metric, row)]
        if numbers:
            values[budget] = fmean(numbers)
    longest = runs[max(runs, key=BUDGETS.index)] if runs else []
    bits = [run.numbers["bits_per_image"] for run in longest if "bits_per_image" in run.numbers]
    return Compared(row, row.reported.get(metric), values, fmean(bits) if bits else fixed_bits(row.setting), runs)


def runs_of(setting: Setting, budget: str, lines: Sequence[Result]) -> list[Result]:
    """Return the lines of a setting at a budget, one per seed, by the protocol of its study's tables if there are any.

    The setting "best-fixed" stands for the single codebook with the lowest reconstruction loss.
    """
    if setting.method == "best-fixed":
        fixed = {line.setting for line in lines if line.setting.method == "vq-ema-fixed"}
        each = [runs_of(one, budget, lines) for one in fixed if one.dataset == setting.dataset]
        return min((runs for runs in each if runs), key=_loss, default=[])
    matching = [line for line in lines if line.setting == setting and line.budget == budget]
    first = PAPERS_PROTOCOL.get(setting.source, "lossless")
    protocols = sorted({line.protocol for line in matching}, key=lambda name: (name != first, name != "lossless", name))
    return [line for line in matching if line.protocol == protocols[0]]


def _loss(runs: Sequence[Result]) -> float:
    return fmean(run.numbers.get("reconstruction_loss", float("inf")) for run in runs)


def _comparable(run: Result, metric: str, row: Row) -> bool:
    return not METRICS[metric].network or "vgg" in run.lpips_network or metric not in row.reported
