"""Train the ablation that decided the defaults: `python -m trainers.tools.ablation [--minutes 60]`.

Each run changes one thing of a base recipe, at the same number of images: CIFAR-10 for six quantizers, and crops of
photographs of flowers for the plain autoencoder and for one codebook. It is judged by PSNR, after rounding to bytes, on
images held out of the train split; the test split is never read. Results are lines of docs/training_fast.csv; runs that
have a line are skipped.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from trainers.loop.best import load_best
from trainers.loop.fit import fit
from trainers.loop.options import Options
from trainers.loop.session import Session
from trainers.loop.signals import STOPPED, Stopped
from trainers.recipes import cifar10, flowers
from trainers.recipes.recipe import Rates, Recipe, Settings
from trainers.studies.run import DataCache, time_limit
from trainers.tools.ablation_lines import FIELDS, PATH, read_lines, write_lines
from vqzoo.analysis.evaluation import evaluate
from vqzoo.metrics.perceptual import perceptual

IMAGES = 25_600
"""Images that every run on CIFAR-10 sees: enough to show Muon's advantage and the collapse of codebooks."""
SEEDS = (42, 43, 44)

_FROM_DATA: Settings = {"start": "kmeans", "revival": "restart"}
_BASE: dict[str, Any] = {
    "optimizer": "muon",
    "learning_rate": 0.02,
    "rates": Rates(vectors=3e-3, projections=3e-3, codebooks=3e-3),
    "batch_size": 64,
    "warmup": 50,
    "steps": IMAGES // 64,
    "evaluate_every": IMAGES // 64,
}
BASES: dict[str, Recipe] = {
    "none": replace(cifar10.none(), **_BASE),
    "vq": replace(cifar10.vq(), **_BASE, quantizer={"name": "vq", "codebook_size": 1024, **_FROM_DATA}),
    "ema": replace(cifar10.ema(), **_BASE, quantizer={"name": "ema", "codebook_size": 1024, **_FROM_DATA}),
    "fsq": replace(cifar10.fsq(), **_BASE),
    "rvq": replace(cifar10.rvq(), **_BASE, quantizer={"name": "rvq", "levels": 8, "codebook_size": 256, **_FROM_DATA}),
    "looc": replace(
        cifar10.looc(), **_BASE, quantizer={"name": "looc", "codebook_size": 256, "segments": 32, **_FROM_DATA}
    ),
    "photographs": replace(flowers.none(), steps=500, evaluate_every=500),
    "photographs, ema": replace(
        flowers.vqgan(), weights={"l1": 2.0, "perceptual": 0.5, "commitment": 0.25}, steps=600, evaluate_every=600
    ),
}
"""Quantizer, or "photographs" and the quantizer -> base recipe, of which every other run changes one thing."""
SMALL_IMAGES = tuple(name for name in BASES if not name.startswith("photographs"))


@dataclass(frozen=True)
class Variant:
    """One change of the base recipe. quantizers: keys of `BASES` to try it with; none: the six of CIFAR-10."""

    factor: str
    setting: str
    change: Callable[[Recipe], Recipe]
    quantizers: tuple[str, ...] = ()


def _fields(**fields: Any) -> Callable[[Recipe], Recipe]:
    return lambda recipe: replace(recipe, **fields)


def _rates(**rates: float) -> Callable[[Recipe], Recipe]:
    return lambda recipe: replace(recipe, rates=replace(recipe.rates, **rates))


def _within(field: str, settings: dict[str, Any]) -> Callable[[Recipe], Recipe]:
    """Return a change of some of the settings that a field of the recipe holds."""
    return lambda recipe: replace(recipe, **{field: getattr(recipe, field) | settings})


def _quantizer(**settings: Any) -> Callable[[Recipe], Recipe]:
    return _within("quantizer", settings)


def _batch(size: int) -> Callable[[Recipe], Recipe]:
    """Return a change of the batch size that keeps the number of images, in all and in the warm-up."""
    steps = IMAGES // size
    return _fields(batch_size=size, steps=steps, evaluate_every=steps, warmup=_BASE["warmup"] * 64 // size)


def _adam(rate: float) -> Callable[[Recipe], Recipe]:
    return _fields(optimizer="adam", learning_rate=rate, rates=Rates())


def _network(**settings: Any) -> Callable[[Recipe], Recipe]:
    return _within("autoencoder", settings)


def _weights(**weights: float) -> Callable[[Recipe], Recipe]:
    return _within("weights", weights)


def _vq_of_photographs(recipe: Recipe) -> Recipe:
    quantizer: Settings = {"name": "vq", "codebook_size": 1024, **_FROM_DATA}
    return replace(recipe, quantizer=quantizer, weights=recipe.weights | {"codebook": 1.0})


CONTINUOUS = "continuous for the first half"
_CODEBOOKS = ("vq", "ema", "rvq", "looc")
_BY_GRADIENT = ("vq", "looc")
_PHOTOGRAPHS = ("photographs",)
_PHOTOGRAPHS_CODEBOOK = ("photographs, ema",)
_TWO = ("none", "ema")
VARIANTS = (
    Variant("base", "base", lambda recipe: recipe),
    Variant("batch", "32", _batch(32)),
    Variant("batch", "16", _batch(16)),
    Variant("batch and rate of kernels", "16, 0.01", lambda recipe: replace(_batch(16)(recipe), learning_rate=0.01)),
    Variant("batch and rate of kernels", "16, 0.005", lambda recipe: replace(_batch(16)(recipe), learning_rate=0.005)),
    Variant("schedule", "constant, averaged weights", _fields(schedule="constant", average=0.99)),
    Variant("start", "uniform", _quantizer(start="uniform"), _CODEBOOKS),
    Variant("revival", "none", _quantizer(revival="none"), _CODEBOOKS),
    Variant("commitment", "1", _weights(commitment=1.0), _CODEBOOKS),
    Variant("rate of kernels", "0.01", _fields(learning_rate=0.01)),
    Variant("images", "twice as many", _fields(steps=2 * _BASE["steps"], evaluate_every=_BASE["steps"]), _TWO),
    Variant("images to learn from", "500", _fields(train_images=500), _TWO),
    Variant("images to learn from", "500, mirrored", _fields(train_images=500, flip=True), _TWO),
    Variant("codebook size", "half", _quantizer(codebook_size=512), ("ema",)),
    Variant("estimator", "rotation", _quantizer(estimator="rotation"), _CODEBOOKS),
    Variant("optimizer", "Adam 1e-3", _adam(1e-3)),
    Variant("quantization", CONTINUOUS, lambda recipe: recipe, ("vq", "ema", "fsq", "rvq", "looc")),
    Variant("rate of codebooks", "1e-2", _rates(codebooks=1e-2), _BY_GRADIENT),
    Variant("rate of codebooks", "3e-2", _rates(codebooks=3e-2), _BY_GRADIENT),
    Variant("revival", "closest", _quantizer(revival="closest"), _CODEBOOKS),
    Variant("metric", "l2", _quantizer(metric="l2"), ("looc",)),
    Variant("rule", "ema, l2", _quantizer(rule="ema", metric="l2"), ("looc",)),
    Variant("decay", "0.95", _quantizer(decay=0.95), ("ema",)),
    Variant("rate of kernels", "0.04", _fields(learning_rate=0.04)),
    Variant("schedule", "linear", _fields(schedule="linear")),
    Variant("averaged weights", "0.99", _fields(average=0.99)),
    Variant("end", "decoder alone for the last quarter", _fields(second_phase=IMAGES // 64 * 3 // 4), _CODEBOOKS),
    Variant("commitment", "0.05", _weights(commitment=0.05), _CODEBOOKS),
    Variant("rate of vectors", "1e-3", _rates(vectors=1e-3)),
    Variant("rate of vectors", "1e-2", _rates(vectors=1e-2)),
    Variant("rate of projections", "1e-2", _rates(projections=1e-2), ("fsq",)),
    Variant("batch", "128", _batch(128)),
    Variant("optimizer", "Adam 3e-3", _adam(3e-3)),
    Variant("start", "latents", _quantizer(start="latents"), _CODEBOOKS),
    Variant("rate of codebooks", "1e-3", _rates(codebooks=1e-3), _BY_GRADIENT),
    Variant("base", "base", lambda recipe: recipe, _PHOTOGRAPHS),
    Variant("training", "none: PCA alone", _fields(steps=1, learning_rate=1e-12, evaluate_every=1), _PHOTOGRAPHS),
    Variant("network", "VQGAN's, narrow", _fields(autoencoder=flowers.NARROW), _PHOTOGRAPHS),
    Variant("rate of kernels", "0.0025", _fields(learning_rate=0.0025), _PHOTOGRAPHS),
    Variant("rate of kernels", "0.01", _fields(learning_rate=0.01), _PHOTOGRAPHS),
    Variant("rate of kernels", "0.02", _fields(learning_rate=0.02), _PHOTOGRAPHS),
    Variant("optimizer", "Adam 1e-3", _adam(1e-3), _PHOTOGRAPHS),
    Variant("network", "half the blocks", _network(blocks=1), _PHOTOGRAPHS),
    Variant("network", "patches of 2 pixels", _network(stem=2, widths=(48, 64, 96, 128)), _PHOTOGRAPHS),
    Variant("network", "widths 96, 128, 160", _network(widths=(96, 128, 160)), _PHOTOGRAPHS),
    Variant("crops", "4 of 128 pixels", _fields(crop=128, batch_size=4), _PHOTOGRAPHS),
    Variant("loss", "L1 and LPIPS", _fields(weights={"l1": 2.0, "perceptual": 1.0}), _PHOTOGRAPHS),
    Variant("base", "base", lambda recipe: recipe, _PHOTOGRAPHS_CODEBOOK),
    Variant("rule, by gradient", "vq", _vq_of_photographs, _PHOTOGRAPHS_CODEBOOK),
    Variant("loss", "LPIPS at 1", _weights(perceptual=1.0), _PHOTOGRAPHS_CODEBOOK),
    Variant("loss", "LPIPS at 0.25", _weights(perceptual=0.25), _PHOTOGRAPHS_CODEBOOK),
    Variant("rate of kernels", "0.01", _fields(learning_rate=0.01), _PHOTOGRAPHS_CODEBOOK),
    Variant("start of the network", "plain autoencoder", _fields(start_from="flowers-none-256"), _PHOTOGRAPHS_CODEBOOK),
)
"""Variants in the order in which they are trained, the most decisive first."""


@dataclass(frozen=True)
class Job:
    """One run, which gets a line of the CSV."""

    quantizer: str
    variant: Variant
    seed: int

    @property
    def key(self) -> tuple[str, ...]:
        """The first four fields of the run's line."""
        return self.quantizer, self.variant.factor, self.variant.setting, str(self.seed)

    @property
    def recipe(self) -> Recipe:
        """The run's recipe, with a name of its own."""
        changed = self.variant.change(BASES[self.quantizer])
        words = "".join(c if c.isalnum() else "-" for c in f"{self.variant.factor}-{self.variant.setting}")
        return replace(changed, name=f"{changed.name}-{words}-seed{self.seed}", seed=self.seed)


def jobs(seeds: Sequence[int]) -> Iterator[Job]:
    """Yield every run, all of the first seed before those of the next."""
    for seed in seeds:
        for variant in VARIANTS:
            for quantizer in variant.quantizers or SMALL_IMAGES:
                yield Job(quantizer, variant, seed)


def run(job: Job, runs: Path, data: str | None, cache: DataCache) -> dict[str, Any]:
    """Train one run, from its checkpoint if there is one, and return its line."""
    recipe, seconds = job.recipe, 0.0
    if job.variant.setting == CONTINUOUS:
        recipe, seconds = _after_continuous(recipe, runs, data, cache)
    options = Options(data=data, runs=runs, cards=runs / "cards", resume=True)
    session = Session(recipe, options, cache.open_feed)
    fit(session)
    metrics = evaluate(load_best(recipe, session.folder).tokenizer, session.held_out, perceptual("squeeze")).metrics
    shutil.rmtree(session.folder)
    usage = metrics["usage"]
    return {
        **dict(zip(FIELDS, job.key, strict=False)),
        "images": job.recipe.images,
        "steps": job.recipe.steps,
        "psnr": f"{metrics['psnr']:.3f}",
        "lpips": "" if metrics["lpips"] is None else f"{metrics['lpips']:.4f}",
        "usage": "" if usage is None else f"{usage:.4f}",
        "seconds": f"{seconds + session.meter.seconds:.1f}",
        "device": session.facts()["device"],
        "torch": torch.__version__.split("+")[0],
    }


def _after_continuous(recipe: Recipe, runs: Path, data: str | None, cache: DataCache) -> tuple[Recipe, float]:
    """Train the plain autoencoder for half of a recipe's steps; return the other half, which starts from it.

    Also returns the seconds that the training of the first half took.
    """
    half = recipe.steps // 2
    plain = replace(
        BASES["none"],
        name=f"cifar10-none-128-half-seed{recipe.seed}",
        steps=half,
        evaluate_every=half,
        seed=recipe.seed,
    )
    session = Session(plain, Options(data=data, runs=runs, cards=runs / "cards", resume=True), cache.open_feed)
    fit(session)
    folder = runs / "cards" / plain.name
    folder.mkdir(parents=True, exist_ok=True)
    session.parts.tokenizer.save(folder)
    return replace(recipe, steps=half, evaluate_every=half, start_from=plain.name), session.meter.seconds


def main(
    seeds: Annotated[tuple[int, ...], tyro.conf.arg(metavar="SEED [SEED ...]")] = SEEDS,
    minutes: float | None = None,
    data: str | None = None,
    runs: Path = Path("runs/ablation"),
    results: Path = PATH,
) -> int:
    """Train the runs of the ablation that have no line yet.

    Args:
        seeds: seeds, all runs of the first one before those of the next.
        minutes: save the current run and stop after this time; the next call resumes it.
        data: local folder of the data set; without it $VQZOO_DATA/<dataset> where that exists, else the Hub.
        runs: folder of run folders.
        results: the CSV.
    """
    cache = DataCache()
    try:
        with time_limit(minutes):
            for job in jobs(seeds):
                lines = read_lines(results)
                if job.key in {tuple(line[name] for name in FIELDS[:4]) for line in lines}:
                    continue
                print(f"{time.strftime('%H:%M:%S')} {' | '.join(job.key)}", flush=True)
                line = run(job, runs, data, cache)
                print(f"    {line['psnr']} dB, usage {line['usage']}, {line['seconds']} s", flush=True)
                write_lines([*read_lines(results), line], results)
    except Stopped as stopped:
        print(f"stopped: {stopped}; the same command goes on", file=sys.stderr)
        return STOPPED
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
