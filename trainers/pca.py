"""Fit one linear baseline: python trainers/pca.py RECIPE [--data FOLDER] [--runs FOLDER] [--cards FOLDER] ..."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import sklearn
import torch
import tyro
from sklearn.decomposition import IncrementalPCA
from torch import Tensor

from trainers.alphabets import choose
from trainers.data import hold_out, load_images, open_splits
from trainers.finish import publish
from trainers.recipes.pca import RECIPES, PCARecipe, get_recipe
from trainers.samples import save_samples
from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.autoencoders.pca import PCAAutoencoder, blocks
from vqzoo.ops.pixels import from_bytes
from vqzoo.quantizers import build
from vqzoo.quantizers.uniform import Uniform
from vqzoo.tokenizer import Tokenizer

_SAMPLE = 4096
"""Blocks that alphabets are chosen on, spread evenly over the images."""


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
class Run:
    """The command line after the recipe's name: its fields and the options, both without a prefix."""

    recipe: Annotated[PCARecipe, tyro.conf.arg(name="")]
    options: Annotated[Options, tyro.conf.arg(name="")] = Options()


def fit(recipe: PCARecipe, options: Options = Options()) -> Path:
    """Fit components and alphabets to the train split, measure on the test split, write the card folder.

    Prints the share of the variance that the components hold on both splits: with hardly more images than components
    that of the train split says nothing about other images. Raises ValueError for settings or data that do not fit.
    """
    open_splits(recipe.dataset, ["train", "test"], options.data)  # a missing test split must not show at the end only
    images = load_images(recipe.dataset, "train", recipe.resolution, recipe.channels, options.data)
    kept, held_out = hold_out(images, recipe.held_out)
    fitted_to = kept[: recipe.train_images or None]
    if len(fitted_to) * recipe.blocks < recipe.components:
        raise ValueError(
            f"components={recipe.components}: expected at most {len(fitted_to) * recipe.blocks}, "
            f"as many as there are blocks in {len(fitted_to)} images"
        )

    start = time.perf_counter()
    autoencoder = principal_components(recipe, fitted_to)
    # --- alphabets ---------------------------------------------------------------------------------------------------
    grids = torch.cat([autoencoder.encode(batch) for batch in _batches(fitted_to, recipe.rows * recipe.stride**2)])
    coefficients = grids.permute(0, 2, 3, 1).flatten(0, 2)
    alphabets = choose(coefficients[:: max(1, len(coefficients) // _SAMPLE)], recipe.bits / recipe.blocks)
    quantizer = build("uniform", dim=recipe.components, levels=alphabets.levels)
    assert isinstance(quantizer, Uniform)
    quantizer.fit(alphabets.low, alphabets.high)
    # -----------------------------------------------------------------------------------------------------------------
    seconds = time.perf_counter() - start

    position = build_position("none", dim=recipe.components)
    tokenizer = Tokenizer(autoencoder, quantizer, position, recipe.resolution).eval()
    test = load_images(recipe.dataset, "test", recipe.resolution, recipe.channels, options.data)
    explained = {}
    for split, each in (("train", fitted_to), ("test", test)):
        explained[split] = [round(share, 6) for share in explained_variance(autoencoder, each).tolist()]
        share = explained[split][-1]
        print(
            f"{recipe.components} components hold {share:.2%} of the variance of the {split} split's {len(each)} images"
        )
    folder = options.runs / recipe.name
    save_samples(tokenizer, held_out[:8], folder / "samples" / "held-out.png")
    training = {
        "images": len(fitted_to),
        "full_budget_images": len(kept),
        "explained_variance": explained,
        "seconds": round(seconds, 3),
        "device": "CPU",
        "scikit-learn": sklearn.__version__,
        "torch": torch.__version__.split("+")[0],
        "recipe": recipe.to_dict(),
    }
    extras = {"training": training, "curves": {}}
    path = publish(tokenizer, recipe.name, recipe.dataset, folder / "card", options.cards, test, extras)
    print(f"finished: {path}")
    return path


def principal_components(recipe: PCARecipe, images: Tensor) -> PCAAutoencoder:
    """The autoencoder fitted to all blocks of uint8 images (n, c, h, w), some at a time."""
    model = IncrementalPCA(recipe.components)
    each = -(-recipe.rows // recipe.blocks)
    for part in images.tensor_split(max(1, len(images) // each)):
        model.partial_fit(blocks(from_bytes(part), recipe.stride).numpy())
    settings = {"channels": recipe.channels, "latent_dim": recipe.components, "stride": recipe.stride}
    autoencoder = build_autoencoder("pca", **settings)
    assert isinstance(autoencoder, PCAAutoencoder)
    autoencoder.fit(torch.from_numpy(model.mean_), torch.from_numpy(model.components_))
    return autoencoder


def explained_variance(autoencoder: PCAAutoencoder, images: Tensor) -> Tensor:
    """(latent_dim,) float64: share of the squared distance of all blocks from the fitted mean that the first k hold."""
    held, total = torch.zeros(autoencoder.latent_dim, dtype=torch.float64), 0.0
    for batch in _batches(images, 2**20):
        held += autoencoder.encode(batch).double().square().sum((0, 2, 3))
        centred = blocks(batch, autoencoder.stride) - autoencoder.mean
        total += centred.double().square().sum().item()
    return held.cumsum(0) / total


def _batches(images: Tensor, pixels: int) -> Iterator[Tensor]:
    """uint8 images as floats, about so many pixels at a time."""
    for batch in images.split(max(1, pixels // images[0, 0].numel())):
        yield from_bytes(batch)


def main(arguments: list[str]) -> int:
    """The command line; returns the exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"{__doc__}\n\nrecipes:\n  " + "\n  ".join(RECIPES))
        print("\nRECIPE --help lists what can be overridden")
        return 0
    try:
        recipe = get_recipe(arguments[0])
        run = tyro.cli(Run, default=Run(recipe), args=arguments[1:], prog=f"pca.py {recipe.name}")
        fit(run.recipe, run.options)
    except (ValueError, OSError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
