"""Write docs/metrics.md anew from the table of metrics: python docs/metrics.py"""

from pathlib import Path

from vqzoo.metrics.table import METRICS, Metric
from vqzoo.ops.text import table_of

PAGE = Path(__file__).with_suffix(".md")

_HEAD = """\
# Metrics

<!-- Made by docs/metrics.py; edit vqzoo/metrics/table.py and run it. -->

Every number of vqzoo is one of these. By protocol "lossless" reconstructions are rounded to bytes and nothing is
resized or compressed; a metric of images is computed for each image and then averaged. For such a mean `metrics.json`
holds, under `intervals`, its 95 % bootstrap interval: 1000 times as many images are drawn with replacement.

To add a metric, write a function of two uint8 tensors (batch, channels, height, width), reconstructions and originals,
that returns a value an image, and give it a row in `vqzoo/metrics/table.py`: evaluation, cards, the command line, the
app, `python -m trainers.evaluate` and this page have it then.

"""
_KINDS = {
    "image": "each image",
    "set": "all images together",
    "rate": "rate",
    "usage": "indices",
    "derived": "derived",
    "study": "in the studies alone",
}


def page() -> str:
    """All of docs/metrics.md."""
    heads = ["metric", "key", "of", "better", "needs", "may differ by", "what it is"]
    return _HEAD + table_of(heads, map(_row, METRICS.values()), texts=len(heads)) + "\n"


def _row(metric: Metric) -> list[str]:
    tolerance = f"{metric.tolerance:.0%}" if metric.relative else f"{metric.tolerance:g}"
    return [
        metric.title,
        f"`{metric.name}`",
        _KINDS[metric.kind],
        metric.better or "–",
        _needs(metric) or "–",
        tolerance if metric.tolerance else "–",
        metric.about,
    ]


def _needs(metric: Metric) -> str:
    needs = ["the weights of its network"] if metric.network or metric.features else []
    if metric.minimum_side > 1:
        needs.append(f"sides of {metric.minimum_side} pixels")
    return ", ".join(needs)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
