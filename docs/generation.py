"""Make the tables and the figure of docs/generation.md from the committed rows: `python -m docs.generation`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from docs.studies.chart import Curve, Panel, draw
from vqzoo.files.storage import CONFIG, read_json
from vqzoo.generation.column import PROTOCOL, Row, read_rows
from vqzoo.metrics.table import METRICS
from vqzoo.ops.text import table_of, with_table

PAGE = Path(__file__).with_suffix(".md")
FIGURE = Path(__file__).with_suffix(".svg")
CLASSIFIERS = Path(__file__).parents[1] / "vqzoo" / "generation" / "classifiers"
DATASETS = {"cifar10": "CIFAR-10", "mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
ENOUGH = 10
"""Rows below which a correlation gets no verdict: with fewer, even one of 0.6 may be chance."""
_RESAMPLES = 2000
_NONE = "–"

Value = Callable[[Row], float | None]
PREDICTORS: dict[str, Value] = {
    "PSNR of reconstructions": lambda row: row.tokenizer["psnr"],
    "SSIM of reconstructions": lambda row: row.tokenizer["ssim"],
    "LPIPS of reconstructions": lambda row: row.tokenizer["lpips"],
    "FID of reconstructions, SqueezeNet": lambda row: row.reconstructions["fid_squeeze"],
    "class agreement of reconstructions": lambda row: row.reconstructions["agreement"],
    "true bits": lambda row: row.tokenizer["bits_per_image"],
    "tokens an image": lambda row: row.tokenizer["tokens"],
    "codebook usage": lambda row: row.tokenizer["usage"],
    "perplexity": lambda row: row.tokenizer["perplexity"],
    "bits under the prior": lambda row: row.prior["prior_bits"],
    "share of bits that the prior saves": lambda row: 1 - row.prior["prior_bits"] / row.prior["uniform_bits"],
}
OUTCOMES: dict[str, Value] = {
    "FID of samples, SqueezeNet": lambda row: row.samples["fid_squeeze"],
    "class agreement": lambda row: row.samples["agreement"],
}


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of `rows` pairs, with its 95 % bootstrap interval; None where it is not defined."""

    rows: int
    rho: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def verdict(self) -> str:
        """The conclusion that the interval allows, in words."""
        if self.rows < ENOUGH:
            return f"too few rows, {ENOUGH} are needed"
        if self.low is None or self.high is None or self.low <= 0 <= self.high:
            return "no relation shown"
        return "rises with it" if self.low > 0 else "falls with it"


def correlation(xs: Sequence[float], ys: Sequence[float]) -> Correlation:
    """Return the rank correlation of two sequences; the interval resamples pairs, with a fixed seed.

    Resamples in which all values of a sequence are equal have no correlation and are left out. With fewer than `ENOUGH`
    pairs there is no interval.
    """
    rows, pairs = len(xs), np.array([xs, ys], dtype=float)
    if rows < 3 or (np.ptp(pairs, axis=1) == 0).any():
        return Correlation(rows)
    rho = float(spearmanr(*pairs).statistic)
    if rows < ENOUGH:
        return Correlation(rows, rho)
    generator = np.random.default_rng(0)
    drawn = (pairs[:, generator.integers(0, rows, rows)] for _ in range(_RESAMPLES))
    rhos = [spearmanr(*each).statistic for each in drawn if (np.ptp(each, axis=1) > 0).all()]
    low, high = np.quantile(rhos, (0.025, 0.975)).tolist()
    return Correlation(rows, rho, low, high)


def comparable(rows: Sequence[Row], dataset: str) -> list[Row]:
    """Return the rows of a data set that differ in the tokenizer alone.

    They have an autoregressive prior, and of several protocols the one that most of them have.
    """
    own = [row for row in rows if row.dataset == dataset and row.prior.get("kind", "").startswith("ar-")]
    protocols = [_protocol(row) for row in own]
    return [row for row in own if _protocol(row) == max(protocols, key=protocols.count)]


def _protocol(row: Row) -> tuple[int, ...]:
    return tuple(row.protocol[key] for key in PROTOCOL)


def column_table(rows: Sequence[Row], dataset: str) -> str:
    """Return a line for each row of a data set, real images first, then the least FID."""
    own = sorted((row for row in rows if row.dataset == dataset), key=lambda row: (not row.real, _fid(row)))
    if not any(not row.real for row in own):
        return f"No tokenizer of {DATASETS[dataset]} is measured yet."
    heads = ["fid_squeeze", "fid", "agreement", "copies"]
    names = ["tokens", "true bits", METRICS["prior_bits"].word, *(METRICS[name].word for name in heads)]
    return table_of(["model", "prior", *names, "learned / drawn", "s an image"], map(_line, own), texts=2)


def _fid(row: Row) -> float:
    fid: float = row.samples["fid_squeeze"]
    return fid


def _line(row: Row) -> list[str]:
    cells = [_cell(row, name) for name in ("fid_squeeze", "fid", "agreement", "copies")]
    if row.real:
        return ["*real test images*", _NONE, _NONE, _NONE, _NONE, *cells, _NONE, _NONE]
    bits = _NONE
    if interval := row.prior["intervals"].get("prior_bits"):
        bits = f"{row.prior['prior_bits']:,.1f} ± {(interval[1] - interval[0]) / 2:,.1f}"
    return [
        row.tokenizer["name"],
        row.prior["kind"],
        f"{row.tokenizer['tokens']:,}",
        f"{row.tokenizer['bits_per_image']:,.0f}",
        bits,
        *cells,
        f"{row.protocol['images']:,} / {row.protocol['samples']:,}",
        f"{row.seconds['image']:.3f}",
    ]


def _cell(row: Row, name: str) -> str:
    """Return a metric of the samples with its interval, and behind "of" that of the reconstructions."""
    value, metric = row.samples.get(name), METRICS[name]
    if value is None:
        return _NONE
    low, high = row.samples["intervals"][name]
    limit = row.reconstructions.get(name)
    of = f", rec. {metric.text(limit)}" if limit is not None else ""
    return f"{metric.text(value)} ({metric.text(low)} to {metric.text(high)}{of})"


def findings_table(rows: Sequence[Row]) -> str:
    """Return the rank correlation of each predictor with each outcome, over rows that were measured alike."""
    if len(rows) < ENOUGH:
        return f"Rows so far: {len(rows)}; no correlations are shown of fewer than {ENOUGH}."
    heads = ["", *(f"{outcome}: {part}" for outcome in OUTCOMES for part in ("rank correlation", "verdict"))]
    lines = []
    for name, predictor in PREDICTORS.items():
        cells = []
        for outcome in OUTCOMES.values():
            each = correlate(rows, predictor, outcome)
            cells += [_text(each), each.verdict]
        lines.append([name, *cells])
    return table_of(heads, lines, texts=len(heads))


def correlate(rows: Sequence[Row], predictor: Value, outcome: Value) -> Correlation:
    """Return the correlation over the rows that have both values."""
    pairs = [(predictor(row), outcome(row)) for row in rows]
    known = [(x, y) for x, y in pairs if x is not None and y is not None]
    return correlation([x for x, _ in known], [y for _, y in known])


def _text(each: Correlation) -> str:
    if each.rho is None:
        return f"{_NONE} ({each.rows} rows)"
    interval = f" ({each.low:+.2f} to {each.high:+.2f})" if each.low is not None else ""
    return f"{each.rho:+.2f}{interval}, {each.rows} rows"


def status(rows: Sequence[Row]) -> str:
    """Return how many rows there are, and of those of CIFAR-10 what predicts the FID of samples best."""
    by_dataset = {dataset: comparable(rows, dataset) for dataset in DATASETS}
    text = f"Rows measured alike: {', '.join(f'{DATASETS[each]} {len(own)}' for each, own in by_dataset.items())}."
    if others := sum(not row.real for row in rows) - sum(map(len, by_dataset.values())):
        text += f" {others} with another prior, training or number of samples are not compared with them."
    own, fid = by_dataset["cifar10"], OUTCOMES["FID of samples, SqueezeNet"]
    if len(own) < ENOUGH:
        return f"{text} Findings need at least {ENOUGH} of CIFAR-10: nothing is concluded yet."
    all_of_them = {name: correlate(own, predictor, fid) for name, predictor in PREDICTORS.items()}
    related = {name: each for name, each in all_of_them.items() if each.verdict.endswith("with it")}
    psnr = all_of_them["PSNR of reconstructions"]
    text += f" On CIFAR-10 the rank correlation of PSNR with the FID of samples is {_text(psnr)}: {psnr.verdict}."
    if not related:
        return f"{text} Nothing listed here is shown to be related to it."
    best = max(related, key=lambda name: round(abs(related[name].rho or 0), 6))
    return f"{text} What predicts it best: {best}, {_text(related[best])}."


def panels(rows: Sequence[Row]) -> list[Panel]:
    """Return the scatter plots of CIFAR-10's rows."""
    own, fid = comparable(rows, "cifar10"), OUTCOMES["FID of samples, SqueezeNet"]
    axes = [
        ("PSNR of reconstructions", "FID of samples, SqueezeNet", fid),
        ("bits under the prior", "FID of samples, SqueezeNet", fid),
        ("bits under the prior", "class agreement", OUTCOMES["class agreement"]),
    ]
    return [_panel(own, x, y, outcome) for x, y, outcome in axes]


def _panel(rows: Sequence[Row], x: str, y: str, outcome: Value) -> Panel:
    points: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        across, up = PREDICTORS[x](row), outcome(row)
        if across is not None and up is not None:
            points.setdefault(row.prior["kind"], []).append((across, up))
    curves = [Curve(kind, points[kind], "rows") for kind in sorted(points)]
    bits = x == "bits under the prior"
    return Panel("CIFAR-10, a point a tokenizer", x, y, curves, log_x=bits, percent=y == "class agreement")


def classifiers_table() -> str:
    """Return a line for each classifier that is there, with its accuracy on the test split."""
    lines = []
    for dataset, label in DATASETS.items():
        if not (CLASSIFIERS / dataset / CONFIG).is_file():
            continue
        config = read_json(CLASSIFIERS / dataset / CONFIG)
        training, (low, high) = config["training"], config["accuracy_interval"]
        accuracy = f"{config['accuracy']:.2%} ({low:.2%} to {high:.2%})"
        lines.append(
            [
                label,
                accuracy,
                f"{config['test_images']:,}",
                f"{training['images']:,}",
                f"{training['seconds'] / 60:.1f}",
            ]
        )
    return table_of(["classifier of", "accuracy", "test images", "images learned", "minutes"], lines)


def page(text: str, rows: Sequence[Row]) -> str:
    """Return docs/generation.md with all that is made here."""
    text = with_table(text, "classifiers", classifiers_table())
    for dataset in DATASETS:
        text = with_table(text, f"column-{dataset}", column_table(rows, dataset))
    text = with_table(text, "status", status(rows))
    return with_table(text, "findings", findings_table(comparable(rows, "cifar10")))


if __name__ == "__main__":
    ROWS = read_rows()
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), ROWS), encoding="utf-8")
    FIGURE.write_text(draw(panels(ROWS)), encoding="utf-8")
