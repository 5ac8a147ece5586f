"""Tables for the questions that the studies leave open, drawn from the zoo's cards and from the studies' own runs."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from vqzoo.metrics.table import METRICS, names
from vqzoo.ops.text import table_of
from vqzoo.studies.results import Result

Record = Mapping[str, Any]
"""A metrics.json: name, dataset, metrics, training."""

SHOWN = (*names("image", table="models"), "usage")
HEADS = tuple(METRICS[name].head + " (SqueezeNet)" * METRICS[name].network for name in SHOWN)
_NEAR = 0.01
"""How far the bits of models at one rate may lie below it, as a share."""


def ranking(
    records: Iterable[Record], codecs: Sequence[Mapping[str, Any]], dataset: str, bits: float, first: Mapping[str, str]
) -> str:
    """Markdown: what has been measured on a data set at `bits` an image or hardly less, the best PSNR first.

    Of codecs those that kept within the bits on every image. `first`: name -> PSNR of a model when all had been trained
    alike.
    """
    lines = []
    for record in records:
        metrics = record["metrics"]
        if record["dataset"] == dataset and (1 - _NEAR) * bits <= metrics["bits_per_image"] <= bits:
            before = f"{float(first[record['name']]):.2f}" if record["name"] in first else "–"
            lines.append((metrics["psnr"], [record["name"], _bits(metrics), *_cells(record), before]))
    for row in codecs:
        metrics = row["metrics"]
        if row["dataset"] == dataset and row["bits"] == bits and metrics["met"] == 1:
            cells = [cell(metrics, name) for name in SHOWN]
            lines.append((metrics["psnr"], [f"*{row['codec']}*", _bits(metrics), *cells, "no training", "–"]))
    lines.sort(key=lambda line: -line[0])
    rows = [[str(number), *cells] for number, (_, cells) in enumerate(lines, 1)]
    return table_of(["", "what", "true bits", *HEADS, "trained", "PSNR in the first zoo"], rows, texts=2)


def side_by_side(records: Mapping[str, Record], names: Sequence[str]) -> str:
    """Markdown: models in this order, whatever their bits."""
    rows = [[name, _bits(records[name]["metrics"]), *_cells(records[name])] for name in names]
    return table_of(["model", "true bits", *HEADS, "trained"], rows)


def factors(lines: Iterable[Result]) -> str:
    """Markdown: of each codebook of LooC that was trained at several factors, what each costs and gives.

    Of a factor the seeds that were trained without interpolation, too; without it those that any factor has.
    """
    books: dict[tuple, dict[int, list[Result]]] = {}
    for line in lines:
        setting = line.setting
        if setting.method == "looc" and line.protocol == "lossless" and setting.beta:
            key = (line.budget, setting.dataset, setting.codebook_size, setting.codevector_dim)
            books.setdefault(key, {}).setdefault(setting.beta, []).append(line)
    rows = []
    for (budget, dataset, size, dim), by_factor in sorted(books.items()):
        if 1 not in by_factor or len(by_factor) == 1:
            continue
        plain = {line.numbers["seed"] for line in by_factor[1]}
        others = {line.numbers["seed"] for factor, runs in by_factor.items() for line in runs if factor > 1}
        for factor, runs in sorted(by_factor.items()):
            shared = [line.numbers for line in runs if line.numbers["seed"] in (others if factor == 1 else plain)]
            if shared:
                psnr = [numbers["psnr"] for numbers in shared]
                spread = (
                    f"{fmean(psnr):.2f} ({min(psnr):.2f} to {max(psnr):.2f})" if len(psnr) > 1 else f"{psnr[0]:.2f}"
                )
                bits = f"{fmean(numbers['bits_per_image'] for numbers in shared):,.0f}"
                rows.append([f"{dataset}, {size} x {dim}", budget, str(factor), bits, spread, str(len(psnr))])
    return table_of(["codebook", "budget", "factor", "true bits", METRICS["psnr"].head, "seeds"], rows, texts=2)


def by_images(runs: Sequence[Mapping[str, str]]) -> str:
    """Return a Markdown table with a row for each number of training images.

    For each quantizer and codebook size it has the codevectors in use on the test split, and the PSNR.

    `runs` are lines of a sweep.csv over train_images and quantizer.codebook-size, whose names say both.
    """
    sweeps: dict[tuple[str, int], dict[int, list[tuple[float, float]]]] = {}
    for run in runs:
        match = _SWEPT.search(run["name"])
        assert match, run["name"]
        quantizer, images, size = match[1], int(match[2]), int(match[3])
        by_number = sweeps.setdefault((quantizer, size), {})
        by_number.setdefault(images, []).append((float(run["usage"]) * size, float(run["psnr"])))
    rows = []
    # All images, which is what 0 says, come last.
    for images in sorted(
        {images for by_number in sweeps.values() for images in by_number}, key=lambda n: n or math.inf
    ):
        cells = []
        for _, by_number in sorted(sweeps.items()):
            used, psnr = zip(*by_number[images], strict=True) if images in by_number else ((), ())
            cells.append(f"{fmean(used):,.0f} · {fmean(psnr):.2f} dB" if used else "–")
        rows.append([f"{images:,}" if images else "all", *cells])
    return table_of(["training images", *(f"{quantizer}, of {size:,}" for quantizer, size in sorted(sweeps))], rows)


_SWEPT = re.compile(r"-(\w+)-\d+x\d+-train-images(\d+)-codebook-size(\d+)$")


def _cells(record: Record) -> list[str]:
    training = record["training"]
    # Linear baselines and k-means see every image once.
    trained = f"{training['images']:,} images" if "steps" in training else "fitted"
    return [*(cell(record["metrics"], name) for name in SHOWN), trained]


def cell(metrics: Mapping[str, Any], name: str) -> str:
    """Return a metric as text; a dash where there is none."""
    value = metrics.get(name)
    return "–" if value is None else METRICS[name].text(value)


def _bits(metrics: Mapping[str, Any]) -> str:
    return f"{metrics['bits_per_image']:,.0f}"
