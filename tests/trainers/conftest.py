"""A small data set, a small recipe, and a process in which training starts as if it were the first time."""

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from PIL import Image

from trainers.loop.fit import train
from trainers.loop.options import Options
from trainers.recipes import RECIPES, get_recipe
from trainers.recipes.recipe import Adversary, Rates, Recipe, Settings
from trainers.train import main
from vqzoo.metrics.perceptual import perceptual
from vqzoo.quantizers import QUANTIZERS as TABLE

QUANTIZERS: dict[str, Settings] = {
    "none": {},
    "vq": {"codebook_size": 16},
    "ema": {"codebook_size": 16},
    "cvq": {"codebook_size": 16},
    "sq": {"codebook_size": 16, "anneal_steps": 10},
    "pq": {"codebook_size": 8, "segments": 2},
    "rvq": {"codebook_size": 8, "levels": 2},
    "rq": {"codebook_size": 8, "levels": 2},
    "looc": {"codebook_size": 8, "segments": 2, "factor": 2},
    "adaptive": {"capacity": 32, "codebooks": 2, "anneal_steps": 10},
    "factorized": {"codebook_size": 16, "code_dim": 4},
    "gumbel": {"codebook_size": 16, "anneal_steps": 10},
    "fsq": {"levels": (4, 3)},
    "uniform": {"levels": 4},
    "lfq": {"bits": 4},
    "bsq": {"bits": 4},
    "simvq": {"codebook_size": 16},
    "ibq": {"codebook_size": 16},
    "multiscale": {"codebook_size": 16, "scales": (1, 2)},
    "hvq": {"codebook_size": 16, "width": 8},
}
assert QUANTIZERS.keys() == TABLE.keys()

_ENTROPIES = {"commitment": 0.25, "sample_entropy": 0.1, "entropy_deficit": 0.1}
WEIGHTS: dict[str, dict[str, float]] = {
    "sq": {"kl_discrete": 0.01, "kl_continuous": 0.01},
    "gumbel": {"kl": 0.01},
    "lfq": _ENTROPIES,
    "bsq": _ENTROPIES,
    "ibq": {"index": 1.0, "codebook": 1.0, **_ENTROPIES},
    "hvq": {"commitment": 0.25, "guess": 1.0},
}
"""Of those whose losses are not the usual ones."""


@pytest.fixture(scope="session", autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One thread, so that float sums are the same everywhere; caches and variables of our own.

    The variables are for the processes that tests start, too.
    """
    threads = torch.get_num_threads()
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)
        torch.set_num_threads(1)
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)
        for variable, value in {
            "HF_DATASETS_CACHE": cache,
            "HF_HUB_OFFLINE": 1,
            "TORCH_HOME": cache,
            "OMP_NUM_THREADS": 1,
            "ACCELERATE_USE_CPU": "true",
        }.items():
            patch.setenv(variable, str(value))
        for variable in ("VQZOO_DATA", "VQZOO_WEIGHTS", "VQZOO_CARDS"):
            patch.delenv(variable, raising=False)
        perceptual.cache_clear()
        datasets.disable_progress_bars()
        yield
    datasets.enable_progress_bars()
    perceptual.cache_clear()
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def forget_accelerator(isolated: None) -> Callable[[], None]:
    """accelerate keeps its settings for the life of a process; tests train with different ones."""
    return lambda: AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(autouse=True)
def first_accelerator(forget_accelerator: Callable[[], None]) -> None:
    forget_accelerator()


@pytest.fixture(scope="session")
def pictures() -> Callable[..., list[Image.Image]]:
    """pictures(num, seed, side=16): RGB waves of random direction, phase and colour."""

    def draw(num: int, seed: int, side: int = 16) -> list[Image.Image]:
        random = np.random.default_rng(seed)
        rows, columns = (axis[..., None] / side for axis in np.mgrid[0:side, 0:side])
        down, right, phase = random.uniform(-4, 4, (3, num, 1, 1, 3))
        waves = np.sin(down * rows + right * columns + phase)
        return [Image.fromarray(np.round(127.5 + 120 * wave).astype(np.uint8)) for wave in waves]

    return draw


@pytest.fixture(scope="session")
def write_dataset() -> Callable[..., Path]:
    """write_dataset(folder, column="image", **splits): as on the Hub, a parquet file a split and a README of them."""

    def write(folder: Path, column: str = "image", **splits: list[Image.Image]) -> Path:
        folder.mkdir(parents=True)
        features = datasets.Features({"label": datasets.Value("int64"), column: datasets.Image()})
        for split, images in splits.items():
            rows = {column: images, "label": list(range(len(images)))}
            datasets.Dataset.from_dict(rows, features).to_parquet(folder / f"{split}-00000-of-00001.parquet")
        files = "".join(f"  - split: {split}\n    path: {split}-*.parquet\n" for split in splits)
        (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  data_files:\n{files}---\n")
        return folder

    return write


@pytest.fixture(scope="session")
def write_shards() -> Callable[..., Path]:
    """write_shards(folder, **splits): as `write_dataset`, but a split is a list of files, each a list of images or of
    the bytes of files that are none."""

    def write(folder: Path, **splits: list[list[Image.Image | bytes]]) -> Path:
        folder.mkdir(parents=True)
        features = datasets.Features({"image": datasets.Image()})
        for split, files in splits.items():
            for number, images in enumerate(files):
                name = f"{split}-{number:05d}-of-{len(files):05d}.parquet"
                datasets.Dataset.from_dict({"image": images}, features).to_parquet(folder / name)
        return folder

    return write


@pytest.fixture(scope="session")
def data(
    tmp_path_factory: pytest.TempPathFactory,
    pictures: Callable[..., list[Image.Image]],
    write_dataset: Callable[..., Path],
) -> Path:
    """The folder `pictures`: 48 images to train on and 16 to test on."""
    folder = tmp_path_factory.mktemp("data") / "pictures"
    return write_dataset(folder, train=pictures(48, seed=0), test=pictures(16, seed=1))


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Recipe]:
    """tiny(quantizer="vq", **changes): a recipe of the zoo at a size that trains in a second."""

    def build(quantizer: str = "vq", **changes: object) -> Recipe:
        small = {
            "dataset": "pictures",
            "autoencoder": {"name": "conv", "stride": 4, "width": 16, "residual_width": 8},
            "quantizer": {"name": quantizer, **QUANTIZERS[quantizer]},
            "weights": {"reconstruction": 1.0, **WEIGHTS.get(quantizer, {"codebook": 1.0, "commitment": 0.25})},
            "resolution": 16,
            "latent_dim": 8,
            "optimizer": "adam",
            "learning_rate": 3e-4,
            "rates": Rates(),
            "steps": 8,
            "batch_size": 8,
            "warmup": 2,
            "held_out": 8,
            "evaluate_every": 2,
        }
        return replace(get_recipe("cifar10-vq-1024x128"), **(small | changes))

    return build


@pytest.fixture(scope="session")
def adversarial(tiny: Callable[..., Recipe]) -> Callable[..., Recipe]:
    """adversarial(**changes): a tiny recipe with random crops and a discriminator from the fourth update on."""

    def build(**changes: object) -> Recipe:
        recipe = tiny(
            autoencoder={"name": "vqgan", "width": 4, "multipliers": (1, 2, 2), "blocks": 1, "attention": (4,)},
            crop=12,
            weights={"l1": 2.0, "adversarial": 0.8, "codebook": 1.0, "commitment": 0.25},
            adversary=Adversary(start=3, width=4, layers=1, lecam=0.1),
        )
        return replace(recipe, **changes)

    return build


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory,
    data: Path,
    tiny: Callable[..., Recipe],
    forget_accelerator: Callable[[], None],
) -> tuple[Path, str]:
    """A folder with runs/ and cards/ after one training, and what it printed. Only to be read."""
    forget_accelerator()
    root = tmp_path_factory.mktemp("finished")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        train(tiny(), Options(str(data), root / "runs", root / "cards"))
    return root, printed.getvalue()


@pytest.fixture
def run(finished: tuple[Path, str]) -> Path:
    """The run folder of `finished`."""
    return finished[0] / "runs" / "cifar10-vq-1024x128"


@pytest.fixture
def card(finished: tuple[Path, str]) -> Path:
    """The card folder of `finished`."""
    return finished[0] / "cards" / "cifar10-vq-1024x128"


@pytest.fixture
def command(
    tiny: Callable[..., Recipe],
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    forget_accelerator: Callable[[], None],
) -> Callable[..., tuple[int, str]]:
    """command(*overrides, name=..., source=data): exit code and last line of the errors of a tiny run in tmp_path."""
    recipe = tiny()
    monkeypatch.setitem(RECIPES, recipe.name, lambda: recipe)

    def call(*overrides: str, name: str = recipe.name, source: Path = data) -> tuple[int, str]:
        forget_accelerator()
        where = ["--data", str(source), "--runs", str(tmp_path / "runs"), "--cards", str(tmp_path / "cards")]
        code = main([name, *where, *overrides])
        return code, capsys.readouterr().err.rstrip("\n").split("\n")[-1]

    return call
