"""Train a data set's classifier, which judges samples of priors: `python -m trainers.classifier mnist`."""

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
import tyro
from torch import Tensor, nn

from trainers.data.augment import Augment
from trainers.data.labelled import load_labelled
from trainers.data.order import Order
from trainers.errors import fail
from trainers.loop import checkpoint
from trainers.loop.lock import run_lock
from vqzoo.generation.classifier import FOLDER, Classifier, Shape, load_classifier, save_classifier
from vqzoo.metrics.measure import share_interval
from vqzoo.ops.device import best_device
from vqzoo.ops.pixels import from_bytes

_SAVE_EVERY = 200
"""Steps between checkpoints."""
_SMOOTHING = 0.1
"""Label smoothing: the share of probability that is spread over all classes."""


@dataclass(frozen=True)
class ClassifierRecipe:
    """How a classifier is trained: SGD with Nesterov momentum, one cycle of the learning rate, random crops.

    channels, resolution: of the images. width: channels of the first block. steps, batch_size: how long. learning_rate:
    the peak. margin: black pixels around an image, from which a square of its own size is cut at random. flip: whether
    half of the images are mirrored.
    """

    channels: int
    resolution: int
    width: int
    steps: int
    batch_size: int = 128
    learning_rate: float = 0.2
    weight_decay: float = 5e-4
    margin: int = 2
    flip: bool = False
    seed: int = 42


RECIPES = {
    "cifar10": ClassifierRecipe(3, 32, width=32, steps=4_000, margin=4, flip=True),
    "mnist": ClassifierRecipe(1, 28, width=16, steps=3_000),
    "fashion_mnist": ClassifierRecipe(1, 28, width=24, steps=5_000, flip=True),
}


@dataclass(frozen=True)
class Data:
    """Images (n, c, h, w) uint8 of both splits with their classes (n,), and the names of the classes."""

    train: Tensor
    labels: Tensor
    test: Tensor
    test_labels: Tensor
    classes: tuple[str, ...]


def load_data(dataset: str, recipe: ClassifierRecipe) -> Data:
    """Load both splits of a data set."""
    train, labels, _ = load_labelled(dataset, "train", recipe.resolution, recipe.channels)
    return Data(train, labels, *load_labelled(dataset, "test", recipe.resolution, recipe.channels))


def train(dataset: str, recipe: ClassifierRecipe, data: Data, run: Path, folder: Path) -> dict[str, Any]:
    """Train from the newest checkpoint in `run`, measure on the test split, and write `folder`; return its config.json.

    The last step's weights are measured as they are stored, and nothing was chosen on the test split. Raises ValueError
    for checkpoints of other settings.
    """
    device = best_device()
    torch.manual_seed(recipe.seed)
    network = Classifier(Shape(dataset, recipe.channels, recipe.resolution, data.classes, recipe.width)).to(device)
    network = network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), 1.0, 0.9, weight_decay=recipe.weight_decay, nesterov=True)
    saved, start, before = checkpoint.read_latest(run), 0, 0.0
    if saved:
        if saved["recipe"] != asdict(recipe):
            raise ValueError(f"{run} holds a run with other settings; delete it, or give another --runs")
        network.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        start, before = saved["step"], saved["seconds"]
    run.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    _fit(network, optimizer, recipe, data, start, run, lambda: before + time.perf_counter() - began)
    seconds = before + time.perf_counter() - began
    return _finish(network, recipe, data, folder / dataset, round(seconds, 1))


def _fit(
    network: Classifier,
    optimizer: torch.optim.Optimizer,
    recipe: ClassifierRecipe,
    data: Data,
    start: int,
    run: Path,
    clock: Any,
) -> None:
    device = network.head.weight.device
    order = Order(len(data.train), recipe.batch_size, recipe.seed)
    framed = F.pad(data.train, [recipe.margin] * 4)
    augment = Augment(recipe.resolution, recipe.resolution + 2 * recipe.margin, flip=recipe.flip, seed=recipe.seed)
    for step in range(start, recipe.steps):
        network.train()
        epochs, rows = order.at(step)
        images = from_bytes(augment(framed[rows], epochs, rows).to(device)).to(memory_format=torch.channels_last)
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * one_cycle(step / recipe.steps)
        with torch.autocast(device.type, torch.bfloat16):
            logits = network(images)
        loss = F.cross_entropy(logits.float(), data.labels[rows].to(device), label_smoothing=_SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        if (done := step + 1) % _SAVE_EVERY == 0 or done == recipe.steps:
            state = {"model": network.state_dict(), "optimizer": optimizer.state_dict(), "step": done}
            checkpoint.write_step(run, done, {**state, "recipe": asdict(recipe), "seconds": clock()})
            print(f"step {done:,} of {recipe.steps:,}: loss {loss.item():.3f}, {clock():,.0f} s", flush=True)


def one_cycle(done: float) -> float:
    """Return the learning rate as a share of its peak, with this share of the steps done: up for a fifth, then down."""
    return done / 0.2 if done < 0.2 else (1 - done) / 0.8


def _finish(network: Classifier, recipe: ClassifierRecipe, data: Data, folder: Path, seconds: float) -> dict[str, Any]:
    save_classifier(network, folder, {})
    stored, _ = load_classifier(folder.name, folder.parent)
    correct = int((stored.predict(data.test) == data.test_labels).sum())
    measured = {
        "accuracy": correct / len(data.test),
        "accuracy_interval": share_interval(correct, len(data.test)),
        "test_images": len(data.test),
        "training": {
            **asdict(recipe),
            "images": recipe.steps * recipe.batch_size,
            "seconds": seconds,
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
            "torch": torch.__version__.split("+")[0],
        },
    }
    save_classifier(network, folder, measured)
    return measured


def main(
    dataset: Annotated[Literal["cifar10", "mnist", "fashion_mnist"], tyro.conf.Positional],
    runs: Path = Path("runs/classifiers"),
    folder: Path = FOLDER,
) -> int:
    """Train a data set's classifier and measure it on the test split; the same command goes on where it was stopped.

    Args:
        dataset: images of $VQZOO_DATA, or of the Hub.
        runs: folder of checkpoints.
        folder: where the classifiers are stored, by default in the package.
    """
    recipe = RECIPES[dataset]
    try:
        with run_lock(runs / dataset):
            measured = train(dataset, recipe, load_data(dataset, recipe), runs / dataset, folder)
    except (ValueError, FloatingPointError, OSError) as error:
        return fail(error)
    print(f"{dataset}: {measured['accuracy']:.2%} of {measured['test_images']:,} test images; {folder / dataset}")
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
