"""The studies' own figures, drawn from results.csv."""

from collections.abc import Sequence
from statistics import fmean

from vqzoo.studies.chart import Point, chart
from vqzoo.studies.results import Result
from vqzoo.studies.settings import Setting

_BATCHES = 157
"""Of 64 images in a test split of 10,000."""
_AXES = {
    "looc.svg": ("true bits of an image", "PSNR, dB, CIFAR-10"),
    "adaptive.svg": ("codevectors", "sum of squared errors, one codebook"),
    "rvq.svg": ("bits of an image", "mean squared error, CIFAR-10"),
    "vqgan.svg": ("codevectors", "LPIPS (SqueezeNet), flowers"),
}
"""File name -> labels of x and y."""


def figures(lines: Sequence[Result]) -> dict[str, str]:
    """File name -> SVG: a figure of each study in the form in which it has its own, of the runs of budget short.

    A mark is the mean over the seeds of a setting.
    """
    found: dict[str, dict[str, dict[Setting, list[Point]]]] = {name: {} for name in _AXES}
    for line in lines:
        if line.budget == "short" and line.protocol == "lossless" and (place := _place(line)):
            name, family, x, y = place
            found[name].setdefault(family, {}).setdefault(line.setting, []).append((x, y))
    return {
        name: chart(
            {
                family: [(fmean(x for x, _ in runs), fmean(y for _, y in runs)) for runs in by_setting.values()]
                for family, by_setting in families.items()
            },
            *_AXES[name],
            log_x=True,
        )
        for name, families in found.items()
    }


def _place(line: Result) -> tuple[str, str, float, float] | None:
    """The figure that a run is drawn in, the curve, and where; None for one of another kind or data set."""
    setting, numbers = line.setting, line.numbers
    size, bits = setting.codebook_size, numbers["bits_per_image"]
    if setting.method == "vqgan" and setting.codevector_dim == 256 and size:
        return "vqgan.svg", "256 dimensions", size, numbers["lpips"]
    if setting.method == "vq-ema-fixed" and size:
        return "adaptive.svg", setting.dataset, size, numbers["reconstruction_loss"]
    if setting.dataset != "cifar10":
        return None
    if setting.source == "looc":
        family = f"looc, factor {setting.beta}" if setting.method == "looc" else setting.method
        return "looc.svg", family, bits, numbers["psnr"]
    if setting.method.startswith("rvq"):
        family = f"{setting.method.removeprefix('rvq-')} cells, codebooks of {size}"
        return "rvq.svg", family, bits, numbers["reconstruction_loss"] / _BATCHES
    return None
