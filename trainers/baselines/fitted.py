"""What baselines without a network share: their command line, images, and model cards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import sklearn
import torch
import tyro
from torch import Tensor

from trainers.data.memory import hold_out, load_images
from trainers.data.sets import open_splits
from trainers.errors import fail
from trainers.loop.finish import publish
from trainers.loop.samples import save_samples
from trainers.recipes.fit import FitRecipe
from vqzoo.ops.check import check_choice
from vqzoo.tokenizer import Tokenizer

R = TypeVar("R", bound=FitRecipe)


@dataclass(frozen=True)
class Options:
    """Options of a fit that are not fields of its recipe: where it reads and writes."""

    data: str | None = None
    """Local folder of the data set; without it $VQZOO_DATA/<dataset> where that exists, else the Hub."""
    runs: Path = Path("runs")
    """Folder of run folders: a copy of the card, and a sample grid."""
    cards: Path = Path("model_cards")
    """Folder for the finished <name>/: card, config, weights, metrics, usage."""


@dataclass(frozen=True)
class Images:
    """The images of a fit, uint8 (n, c, h, w) each.

    fitted_to: the first `train_images` of the `available` ones that are not held out. test: to evaluate on.
    """

    fitted_to: Tensor
    available: int
    held_out: Tensor
    test: Tensor


def load_splits(recipe: FitRecipe, data: str | None) -> Images:
    """Load the train and the test split; raises ValueError for a missing one before the fit."""
    open_splits(recipe.dataset, ["train", "test"], data)
    train, test = (
        load_images(recipe.dataset, split, recipe.resolution, recipe.channels, data) for split in ("train", "test")
    )
    train, held_out = hold_out(train, recipe.held_out)
    return Images(train[: recipe.train_images or None], len(train), held_out, test)


def publish_fit(
    recipe: FitRecipe, tokenizer: Tokenizer, images: Images, seconds: float, facts: dict[str, Any], options: Options
) -> Path:
    """Evaluate on the test split, write a sample grid and the card folder, and return the latter.

    `facts` are added to "training" of metrics.json.
    """
    folder = options.runs / recipe.name
    save_samples(tokenizer, images.held_out[:8], folder / "samples" / "held-out.png")
    training = {
        "images": len(images.fitted_to),
        "full_budget_images": images.available,
        **facts,
        "seconds": round(seconds, 3),
        "device": "CPU",
        "scikit-learn": sklearn.__version__,
        "torch": torch.__version__.split("+")[0],
        "recipe": recipe.to_dict(),
    }
    extras = {"training": training, "curves": {}}
    path = publish(tokenizer, recipe.name, recipe.dataset, folder / "card", options.cards, images.test, extras)
    print(f"finished: {path}")
    return path


@dataclass(frozen=True)
class _Run:
    recipe: Annotated[FitRecipe, tyro.conf.arg(name="")]
    options: Annotated[Options, tyro.conf.arg(name="")] = Options()


def command_line(
    about: str, recipes: Mapping[str, Callable[[], R]], fit: Callable[[R, Options], Path]
) -> Callable[[list[str]], int]:
    """Return the `main` of a script whose arguments are RECIPE, fields of the recipe, and `Options`.

    `main` takes the arguments and returns the exit code.
    """

    def main(arguments: list[str]) -> int:
        if not arguments or arguments[0] in ("-h", "--help"):
            print(f"{about}\n\nrecipes:\n  " + "\n  ".join(recipes))
            print("\nRECIPE --help lists what can be overridden")
            return 0
        try:
            recipe = recipes[check_choice("recipe", arguments[0], recipes)]()
            run = tyro.cli(_Run, default=_Run(recipe), args=arguments[1:], prog=recipe.name)
            fit(run.recipe, run.options)  # type: ignore[arg-type]  # tyro keeps the type of the default
        except (ValueError, OSError) as error:
            return fail(error)
        return 0

    return main
