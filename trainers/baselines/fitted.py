"""What baselines that are fitted and not trained share: their command line, their images, and the end of a fit."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import sklearn
import torch
import tyro
from torch import Tensor

from trainers.data.memory import hold_out, load_images
from trainers.data.sets import open_splits
from trainers.loop.finish import publish
from trainers.loop.samples import save_samples
from trainers.recipes.fit import FitRecipe
from vqzoo.ops.check import check_choice
from vqzoo.tokenizer import Tokenizer

R = TypeVar("R", bound=FitRecipe)


@dataclass(frozen=True)
class Options:
    """Where a fit reads and writes; what it does is the recipe's matter."""

    data: str | None = None
    """Local folder of the data set; without it $VQZOO_DATA/<dataset> where that exists, else the Hub."""
    runs: Path = Path("runs")
    """Folder of run folders: here, the card as it is made and a grid of samples."""
    cards: Path = Path("model_cards")
    """Folder that gets the finished <name>/: card, config, weights, metrics, usage."""


@dataclass(frozen=True)
class Images:
    """uint8 (n, c, h, w) each. fitted_to: the first `train_images` of the available ones; test: to be measured on."""

    fitted_to: Tensor
    available: int
    held_out: Tensor
    test: Tensor


def load_splits(recipe: FitRecipe, data: str | None) -> Images:
    """Both splits; a missing test split must not show at the end only."""
    open_splits(recipe.dataset, ["train", "test"], data)
    train, test = (
        load_images(recipe.dataset, split, recipe.resolution, recipe.channels, data) for split in ("train", "test")
    )
    kept, held_out = hold_out(train, recipe.held_out)
    return Images(kept[: recipe.train_images or None], len(kept), held_out, test)


def publish_fit(
    recipe: FitRecipe, tokenizer: Tokenizer, images: Images, seconds: float, facts: dict[str, Any], options: Options
) -> Path:
    """Measure on the test split and write the card folder, with a grid of samples beside it; returns where it is.

    facts: what the card tells of this kind of fit, into metrics.json's "training".
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


def get_recipe(name: str, recipes: Mapping[str, Callable[[], R]]) -> R:
    """The recipe of that name; ValueError with the nearest names for an unknown one."""
    recipe = recipes[check_choice("recipe", name, recipes)]()
    assert recipe.name == name
    return recipe


def command_line(
    about: str, recipes: Mapping[str, Callable[[], R]], run: Callable[..., Any], fit: Callable[[R, Options], Path]
) -> Callable[[list[str]], int]:
    """A script's main, from its arguments to its exit code: RECIPE, then what `run` holds, a record of the recipe and
    the options."""

    def main(arguments: list[str]) -> int:
        """The command line; returns the exit code."""
        if not arguments or arguments[0] in ("-h", "--help"):
            print(f"{about}\n\nrecipes:\n  " + "\n  ".join(recipes))
            print("\nRECIPE --help lists what can be overridden")
            return 0
        try:
            recipe = get_recipe(arguments[0], recipes)
            asked = tyro.cli(run, default=run(recipe), args=arguments[1:], prog=recipe.name)
            fit(asked.recipe, asked.options)
        except (ValueError, OSError) as error:
            print("error:", " ".join(str(error).split()), file=sys.stderr)
            return 1
        return 0

    return main
