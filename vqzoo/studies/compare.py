"""Reported beside measured: which runs of results.csv stand for a setting of a table, and what they come to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from vqzoo.metrics.table import METRICS
from vqzoo.studies.rates import fixed_bits
from vqzoo.studies.reported import Row
from vqzoo.studies.results import BUDGETS, Result
from vqzoo.studies.settings import Setting

PAPERS_PROTOCOL = {"looc": "cvq-jpeg"}
"""Study -> the protocol of its tables, which ours are compared by where a run was measured so; "lossless" otherwise."""


@dataclass(frozen=True)
class Compared:
    """A row of a table in one metric.

    values: budget -> mean over seeds, for the budgets that have it. runs: budget -> the lines that the mean is of.
    bits: true bits an image, measured ones where there are any; None where they are not known.
    """

    row: Row
    reported: float | None
    values: dict[str, float]
    bits: float | None
    runs: dict[str, list[Result]] = field(default_factory=dict)

    @property
    def longest(self) -> str | None:
        """The longest budget that was trained."""
        return max(self.runs, key=BUDGETS.index, default=None)

    @property
    def longest_runs(self) -> list[Result]:
        """The lines of that budget; none where there is none."""
        return self.runs[self.longest] if self.longest else []

    @property
    def measured(self) -> float | None:
        """Of the longest budget, and of no shorter one in its place."""
        return self.values.get(self.longest) if self.longest else None

    @property
    def difference(self) -> float | None:
        """Measured less reported."""
        return None if self.measured is None or self.reported is None else self.measured - self.reported


def compare(row: Row, metric: str, lines: Sequence[Result]) -> Compared:
    """LPIPS has values only where it is VGG's, as the tables' is, or where nothing is reported to set it beside."""
    runs = {budget: found for budget in BUDGETS if (found := runs_of(row.setting, budget, lines))}
    values = {}
    for budget, found in runs.items():
        said = [run.numbers[metric] for run in found if metric in run.numbers and _comparable(run, metric, row)]
        if said:
            values[budget] = fmean(said)
    longest = runs[max(runs, key=BUDGETS.index)] if runs else []
    bits = [run.numbers["bits_per_image"] for run in longest if "bits_per_image" in run.numbers]
    return Compared(row, row.reported.get(metric), values, fmean(bits) if bits else fixed_bits(row.setting), runs)


def runs_of(setting: Setting, budget: str, lines: Sequence[Result]) -> list[Result]:
    """The lines of a setting at a budget, one a seed, by the protocol of its study's tables or else the other.

    The setting "best-fixed" is whichever single codebook came out best in reconstruction loss.
    """
    if setting.method == "best-fixed":
        fixed = {line.setting for line in lines if line.setting.method == "vq-ema-fixed"}
        each = [runs_of(one, budget, lines) for one in fixed if one.dataset == setting.dataset]
        return min((runs for runs in each if runs), key=_loss, default=[])
    found = [line for line in lines if line.setting == setting and line.budget == budget]
    wanted = PAPERS_PROTOCOL.get(setting.source, "lossless")
    protocols = sorted({line.protocol for line in found}, key=lambda name: (name != wanted, name != "lossless", name))
    return [line for line in found if line.protocol == protocols[0]]


def _loss(runs: Sequence[Result]) -> float:
    return fmean(run.numbers.get("reconstruction_loss", float("inf")) for run in runs)


def _comparable(run: Result, metric: str, row: Row) -> bool:
    return not METRICS[metric].network or "vgg" in run.lpips_network or metric not in row.reported
