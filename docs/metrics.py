"""Write docs/metrics.md from the table of metrics: `python docs/metrics.py`."""

import inspect
from pathlib import Path

from vqzoo.metrics.table import METRICS, Metric, recorded
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
_LPIPS = """

## LPIPS

LPIPS v0.1 has SqueezeNet 1.1 as its network, whose weights are [part of vqzoo](../vqzoo/metrics/weights/LICENSES.md):
it is the same number on every machine, and needs no download. A folder in `VQZOO_WEIGHTS` with a
`squeezenet1_1-features.safetensors` comes first; weights in the cache of torch.hub are not used.

The shipped weights are rounded to half precision, and those before rounding were not at hand. They lie within half a
unit in the last place of the shipped ones: with weights drawn at random from there, LPIPS changes by 0.00003 on average
and by at most 0.0003 (eight draws; 72 pairs of 12 Kodak photographs and 30 of 5 flowers, LPIPS from 0.008 to 0.50:
JPEG at three qualities, and three models). Tables show LPIPS to 0.0001. `python benchmarks/lpips_half.py` measures it.
"""
_ABOUT = {
    "rfid": "Frechet distance (arXiv:1706.08500) of 2048 Inception features of originals and reconstructions.",
    "rfid_squeeze": "The same distance of 512 features of SqueezeNet 1.1; it does not compare with rFID.",
    "bits_per_image": "Bits of every index that decoding needs, before entropy coding; of a codec the whole file.",
    "bits_per_pixel": "True bits of all images over the pixels of all.",
    "share_of_raw": "True bits over those of the pixels, 8 a channel.",
    "usage": "Share of codevectors that were chosen at least once.",
    "perplexity": "Exponential of the entropy of the choices, from 1 to the codebook's size; a mean over codebooks.",
    "dead": "Number of codevectors that were never chosen.",
    "mse": "10^(-PSNR / 10), for the axes of the Rate page.",
    "fid": "Frechet distance of generated images, as papers report it.",
    "prior_bits": "-log2 of the probability that a prior gives to an image's tokens, given its class; held-out images.",
    "fid_squeeze": "Frechet distance of SqueezeNet features of samples and of the train split.",
    "agreement": "Share of class-conditional samples that a classifier trained on real images gives their class.",
    "nearest": "Euclidean distance of SqueezeNet features to those of the nearest training image, median of samples.",
    "copies": "Samples nearer than the 1 % quantile of reconstructions of test images; without copies 1 %.",
    "seconds_per_image": "Time to draw the tokens of an image and to decode them.",
    "reconstruction_loss": "Sum over batches of 64 images of the mean squared error, as the adaptive study has it.",
}
"""Metrics without a function of images, whose first sentence would say it."""
_KINDS = {
    "image": "each image",
    "set": "all images together",
    "rate": "rate",
    "usage": "indices",
    "derived": "derived",
    "study": "in the studies alone",
    "generation": "generated images",
}


def page() -> str:
    """Return the text of docs/metrics.md."""
    heads = ["metric", "key", "of", "better", "needs", "may differ by", "what it is"]
    return _HEAD + table_of(heads, map(_row, METRICS.values()), texts=len(heads)) + _LPIPS


def _row(metric: Metric) -> list[str]:
    tolerance = f"{metric.tolerance:.0%}" if metric.relative else f"{metric.tolerance:g}"
    tolerance = tolerance if metric.name in recorded() else "–"
    return [
        metric.title,
        f"`{metric.name}`",
        _KINDS[metric.kind],
        metric.better or "–",
        _needs(metric) or "–",
        tolerance,
        _about(metric),
    ]


def _about(metric: Metric) -> str:
    """Return what the metric is: what its function says in its first sentence, or, without one, `_ABOUT`."""
    if not metric.function:
        return _ABOUT[metric.name]
    return " ".join((inspect.getdoc(metric.computed) or "").split("\n\n")[0].split())


def _needs(metric: Metric) -> str:
    needs = ["the weights of Inception"] if metric.name == "rfid" else []
    if metric.network or metric.name in ("rfid_squeeze", "fid_squeeze", "nearest", "copies"):
        needs.append("sides of 32 pixels")
    if metric.minimum_side > 1:
        needs.append(f"sides of {metric.minimum_side} pixels")
    return ", ".join(needs)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
