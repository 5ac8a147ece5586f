"""Fit principal components of blocks of pixels: python trainers/baselines/pca.py RECIPE [--data FOLDER] ..."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
from sklearn.decomposition import IncrementalPCA
from torch import Tensor

from trainers.baselines.alphabets import choose
from trainers.baselines.fitted import Options, command_line, load_splits, publish_fit
from trainers.recipes.pca import RECIPES, PCARecipe
from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.autoencoders.pca import PCAAutoencoder, blocks
from vqzoo.ops.pixels import from_bytes
from vqzoo.quantizers import build
from vqzoo.quantizers.uniform import Uniform
from vqzoo.tokenizer import Tokenizer

_SAMPLE = 4096
"""Blocks to choose alphabets on, spread evenly over the images."""


def fit(recipe: PCARecipe, options: Options) -> Path:
    """Fit components and alphabets to the train split, evaluate on the test split, write the card folder.

    Prints the share of the variance that the components explain on both splits: with hardly more images than components
    the share of the train split says nothing about other images. Raises ValueError for settings or data that do not
    fit.
    """
    images = load_splits(recipe, options.data)
    fitted_to = images.fitted_to
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
    quantizer = cast(Uniform, build("uniform", dim=recipe.components, levels=alphabets.levels))
    quantizer.fit(alphabets.low, alphabets.high)
    # -----------------------------------------------------------------------------------------------------------------
    seconds = time.perf_counter() - start

    position = build_position("none", dim=recipe.components)
    tokenizer = Tokenizer(autoencoder, quantizer, position, recipe.resolution).eval()
    explained = {}
    for split, each in (("train", fitted_to), ("test", images.test)):
        explained[split] = [round(share, 6) for share in explained_variance(autoencoder, each).tolist()]
        share = explained[split][-1]
        print(
            f"{recipe.components} components hold {share:.2%} of the variance of the {split} split's {len(each)} images"
        )
    return publish_fit(recipe, tokenizer, images, seconds, {"explained_variance": explained}, options)


def principal_components(recipe: PCARecipe, images: Tensor) -> PCAAutoencoder:
    """Return an autoencoder fitted to all blocks of uint8 images (n, c, h, w), a part of the images at a time."""
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
    """Return the cumulative share of the variance around the fitted mean that components explain, (latent_dim,)."""
    held, total = torch.zeros(autoencoder.latent_dim, dtype=torch.float64), 0.0
    for batch in _batches(images, 2**20):
        held += autoencoder.encode(batch).double().square().sum((0, 2, 3))
        centred = blocks(batch, autoencoder.stride) - autoencoder.mean
        total += centred.double().square().sum().item()
    return held.cumsum(0) / total


def _batches(images: Tensor, pixels: int) -> Iterator[Tensor]:
    """Yield uint8 images as floats, in batches of about `pixels` pixels."""
    for batch in images.split(max(1, pixels // images[0, 0].numel())):
        yield from_bytes(batch)


main = command_line(__doc__, RECIPES, fit)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
