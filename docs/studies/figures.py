"""The studies' own figures, drawn from results.csv and curves.jsonl in the form in which the papers have them.

A mark is the mean over the seeds of a setting.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from docs.studies.chart import Curve, Panel, Point, draw
from vqzoo.metrics.table import METRICS
from vqzoo.studies import STUDIES
from vqzoo.studies.compare import PAPERS_PROTOCOL
from vqzoo.studies.curves import Curves
from vqzoo.studies.reported import by_setting
from vqzoo.studies.results import TRAINED, Result
from vqzoo.studies.settings import Setting

Numbers = Mapping[str, float]
Place = Callable[[Setting, Numbers], tuple[str, float, float] | None]
"""Of a setting and its numbers the curve's name, x and y; None for what is not in the panel."""

_BATCHES = 157
"""Of 64 images in a test split of 10,000."""
_DATASETS = ("cifar10", "fashion_mnist", "mnist")
_CELLS = {"rvq-4x4": "4 x 4 cells", "rvq-8x8": "8 x 8 cells"}
_PHOTOGRAPHS = {"vqgan": 2440, "vqgan-185-images": 185, "vqgan-65-images": 65}
"""Method -> how many it learns from at budget short."""


def figures(lines: Sequence[Result], curves: Curves) -> dict[str, str]:
    """File name -> SVG, a figure of each study."""
    collected = panels_of(lines, curves)
    return {f"{study}.svg": draw(panels, columns=2 if len(panels) == 4 else 3) for study, panels in collected.items()}


def panels_of(lines: Sequence[Result], curves: Curves) -> dict[str, list[Panel]]:
    """Study -> the panels of its figure."""
    own = {study: [line for line in lines if line.setting.source == study] for study in STUDIES}
    return {
        "looc": _looc(own["looc"], curves),
        "adaptive": _adaptive(own["adaptive"], curves),
        "rvq": _rvq(own["rvq"]),
        "vqgan": _vqgan(own["vqgan"]),
    }


def _looc(lines: Sequence[Result], curves: Curves) -> list[Panel]:
    """Figures 6, 7 and 8; and, which the paper has not, its methods over true bits."""

    def over_bits(setting: Setting, numbers: Numbers) -> tuple[str, float, float] | None:
        if setting.dataset != "cifar10" or setting.method == "looc-without-cvq-update":
            return None
        return _method(setting), numbers["bits_per_image"], numbers["psnr"]

    def over_size(setting: Setting, numbers: Numbers) -> tuple[str, float, float] | None:
        of_paper = setting.method != "looc" or (setting.codevector_dim == 4 and setting.beta in (1, 2))
        if setting.dataset != "cifar10" or not of_paper or not setting.codebook_size or "psnr" not in numbers:
            return None
        return _method(setting), setting.codebook_size, numbers["psnr"]

    bits = _measured(lines, over_bits)
    collected = [Panel("CIFAR-10, lossless", "true bits of an image", METRICS["psnr"].title, bits, log_x=True)]
    both = [*_reported("looc", over_size), *_measured(lines, over_size, PAPERS_PROTOCOL["looc"])]
    collected.append(Panel("CIFAR-10, as the paper measures", "codevectors", METRICS["psnr"].title, both, log_x=True))
    used, shared = [], []
    for size in (256, 1024):
        for budget in TRAINED:
            if uses := [run["use"] for run in _runs(curves, f"cifar10-looc-{size}x4", budget) if run["use"]]:
                used.append(Curve(f"{size} x 4", list(enumerate(uses[0]["segments"], 1)), budget))
                shared.append(Curve(f"{size} x 4", list(enumerate(_means(use["sharing"] for use in uses), 1)), budget))
    return [
        *collected,
        Panel("Codevectors that a segment uses, one seed", "segment", "usage", used, percent=True, dense=True),
        Panel("Codevectors that so many share", "segments, at least", "codevectors", shared, percent=True, dense=True),
    ]


def _method(setting: Setting) -> str:
    return f"looc, factor {setting.beta}" if setting.method == "looc" else setting.method


def _adaptive(lines: Sequence[Result], curves: Curves) -> list[Panel]:
    """Table 1 as curves; figures 2, 3 and 6."""

    def single(setting: Setting, numbers: Numbers) -> tuple[str, float, float] | None:
        if setting.method != "vq-ema-fixed" or setting.dataset not in _DATASETS or not setting.codebook_size:
            return None
        return setting.dataset, setting.codebook_size, numbers["reconstruction_loss"]

    both = [*_reported("adaptive", single), *_measured(lines, single)]
    collected = [
        Panel("One codebook of 65,536 numbers", "codevectors", METRICS["reconstruction_loss"].title, both, log_x=True)
    ]
    fixed = {line.setting: line.recipe for line in lines if line.setting[1:3] == ("cifar10", "vq-ema-fixed")}
    names = {
        fixed[setting]: f"{setting.codebook_size} x {setting.codevector_dim}"
        for setting in sorted(fixed, key=lambda each: each.codebook_size or 0)
    }
    names["cifar10-adaptive-65536"] = "choice among them"
    for key, label in (("gap", "gradient gap"), ("quantization", "quantization loss")):
        each = [Curve(name, _over_training(curves, recipe, "short", key)) for recipe, name in names.items()]
        known = [curve for curve in each if curve.points]
        collected.append(Panel("cifar10, budget short", "updates", label, known, log_y=True, dense=True))
    return [*collected, *(_choices(f"{dataset}-adaptive-65536", dataset, curves) for dataset in _DATASETS)]


def _choices(recipe: str, dataset: str, curves: Curves) -> Panel:
    """Which codebook is chosen how often over a training, the longest that there is."""
    budget = max((key[1] for key in curves if key[0] == recipe), key=TRAINED.index, default="short")
    names = dict.fromkeys(name for run in _runs(curves, recipe, budget) for name in run["curves"] if "/" in name)
    chosen = [Curve(n.removeprefix("selection/"), _over_training(curves, recipe, budget, n), budget) for n in names]
    return Panel(f"{dataset}, budget {budget}", "updates", "share of the choices", chosen, percent=True, dense=True)


def _rvq(lines: Sequence[Result]) -> list[Panel]:
    """Return the five experiments, the third over three axes and the last over two."""

    def panel(
        title: str, x: str, name: Callable[[Setting], str | None], at: Callable[[Setting, Numbers], float]
    ) -> Panel:
        def locate(setting: Setting, numbers: Numbers) -> tuple[str, float, float] | None:
            error = numbers["reconstruction_loss"] / _BATCHES
            return (series, at(setting, numbers), error) if (series := name(setting)) else None

        return Panel(f"CIFAR-10, {title}", x, "mean squared error", _measured(lines, locate), log_x=True)

    def plain(setting: Setting) -> str | None:
        return "4 x 4 cells" if setting.method == "none-4x4" else None

    def by_dimension(setting: Setting) -> str | None:
        return f"{setting.codevector_dim} dimensions" if setting.method == "ema-4x4" else None

    def residual(setting: Setting) -> str | None:
        return f"codebooks of {setting.codebook_size}" if setting.method == "rvq-4x4" else None

    def by_cells(setting: Setting) -> str | None:
        return _CELLS.get(setting.method) if setting.codebooks == 1 else None

    def size(setting: Setting, _: Numbers) -> float:
        return setting.codebook_size or 0

    def levels(setting: Setting, _: Numbers) -> float:
        return setting.codebooks or 0

    def bits(_: Setting, numbers: Numbers) -> float:
        return numbers["bits_per_image"]

    return [
        panel("no quantizer", "dimensions", plain, lambda setting, _: setting.codevector_dim or 0),
        panel("one codebook", "codevectors", by_dimension, size),
        panel("residual codebooks", "codebooks", residual, levels),
        panel("residual codebooks", "codevectors in all", residual, lambda s, n: levels(s, n) * size(s, n)),
        panel("residual codebooks", "bits of an image", residual, bits),
        panel("one codebook", "codevectors", by_cells, size),
        panel("one codebook", "bits of an image", by_cells, bits),
    ]


def _vqgan(lines: Sequence[Result]) -> list[Panel]:
    """Return panels over codebook sizes, dimensions and numbers of images; LPIPS stands for the study's pictures."""
    lpips = "LPIPS (SqueezeNet)"

    def over_size(setting: Setting, numbers: Numbers) -> tuple[str, float, float] | None:
        if (setting.method, setting.codevector_dim) != ("vqgan", 256):
            return None
        return "256 dimensions", setting.codebook_size or 0, numbers["lpips"]

    def over_dimension(setting: Setting, numbers: Numbers) -> tuple[str, float, float] | None:
        if setting.method != "vqgan" or setting.codebook_size not in (1024, 8192):
            return None
        return f"{setting.codebook_size} codevectors", setting.codevector_dim or 0, numbers["lpips"]

    def over_images(setting: Setting, numbers: Numbers) -> tuple[str, float, float] | None:
        if setting.method not in _PHOTOGRAPHS or setting[3:5] != (8192, 256):
            return None
        return "8192 x 256", _PHOTOGRAPHS[setting.method], numbers["usage"]

    used = _measured(lines, over_images)
    return [
        Panel("Flowers, 256 dimensions", "codevectors", lpips, _measured(lines, over_size), log_x=True),
        Panel("Flowers", "dimensions", lpips, _measured(lines, over_dimension), log_x=True),
        Panel("Flowers, 8192 x 256", "training images", "usage", used, log_x=True, percent=True),
    ]


def _measured(lines: Iterable[Result], locate: Place, protocol: str = "lossless") -> list[Curve]:
    """Return the measured curves of a panel, by name and budget."""
    collected: dict[tuple[str, str], dict[Setting, list[Point]]] = {}
    for line in lines:
        if line.budget in TRAINED and line.protocol == protocol and (spot := locate(line.setting, line.numbers)):
            collected.setdefault((line.budget, spot[0]), {}).setdefault(line.setting, []).append(spot[1:])
    return [
        Curve(name, [(fmean(x for x, _ in runs), fmean(y for _, y in runs)) for runs in by_setting.values()], budget)
        for (budget, name), by_setting in sorted(collected.items(), key=lambda item: TRAINED.index(item[0][0]))
    ]


def _reported(study: str, locate: Place) -> list[Curve]:
    """Return the curves of a panel that the study's tables report."""
    collected: dict[str, list[Point]] = {}
    for setting, numbers in by_setting(study).items():
        if spot := locate(setting, numbers):
            collected.setdefault(spot[0], []).append(spot[1:])
    return [Curve(name, points, "reported") for name, points in collected.items()]


def _runs(curves: Curves, recipe: str, budget: str) -> list[Mapping[str, Any]]:
    """One a seed."""
    return [run for key, run in sorted(curves.items()) if key[:2] == (recipe, budget)]


def _over_training(curves: Curves, recipe: str, budget: str, name: str) -> list[Point]:
    """Return (updates, value) pairs, means over the seeds, at the updates that all seeds have."""
    matching = [run["curves"] for run in _runs(curves, recipe, budget) if name in run["curves"]]
    columns = zip(*(curve[name] for curve in matching), strict=True)
    steps = matching[0]["step"] if matching else []
    return [(step, fmean(values)) for step, values in zip(steps, columns, strict=True) if None not in values]


def _means(rows: Iterable[Sequence[float]]) -> list[float]:
    return [fmean(column) for column in zip(*rows, strict=True)]
