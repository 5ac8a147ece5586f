"""Fit k-means of blocks of pixels: python trainers/baselines/kmeans.py RECIPE [--data FOLDER] ..."""

import sys
import time
from pathlib import Path

import torch
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from trainers.baselines.fitted import Options, command_line, load_splits, publish_fit
from trainers.recipes.kmeans import RECIPES, KMeansRecipe
from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.autoencoders.pca import blocks
from vqzoo.ops.pixels import from_bytes
from vqzoo.quantizers import build
from vqzoo.quantizers.codebook import named_codebooks
from vqzoo.tokenizer import Tokenizer


def fit(recipe: KMeansRecipe, options: Options) -> Path:
    """Fit the centres to the train split, evaluate on the test split, write the card folder and return it.

    Raises ValueError for settings or data that do not fit.
    """
    images = load_splits(recipe, options.data)
    available = len(images.fitted_to) * recipe.blocks
    if available < recipe.codebook_size:
        raise ValueError(
            f"codebook_size={recipe.codebook_size}: expected at most {available}, "
            f"as many as there are blocks in {len(images.fitted_to)} images"
        )
    start = time.perf_counter()
    codevectors = centres(recipe, images.fitted_to)
    seconds = time.perf_counter() - start

    dim = codevectors.shape[1]
    # An unfitted PCA with all components: latents are the pixels of a block.
    autoencoder = build_autoencoder("pca", channels=recipe.channels, latent_dim=dim, stride=recipe.stride)
    quantizer = build("vq", dim=dim, codebook_size=recipe.codebook_size)
    (codebook,) = named_codebooks(quantizer).values()
    with torch.no_grad():
        codebook.weight.copy_(codevectors)
    tokenizer = Tokenizer(autoencoder, quantizer, build_position("none", dim=dim), recipe.resolution).eval()
    return publish_fit(recipe, tokenizer, images, seconds, {"fit": "kmeans"}, options)


def centres(recipe: KMeansRecipe, images: Tensor) -> Tensor:
    """Return k-means' centres (codebook_size, c stride stride) of the blocks of uint8 images (n, c, h, w).

    Pixels are in [-1, 1]. Mini-batch k-means (Sculley, 2010), started by k-means++.
    """
    rows = blocks(from_bytes(images), recipe.stride).numpy()
    model = MiniBatchKMeans(
        recipe.codebook_size,
        batch_size=recipe.rows,
        init_size=min(len(rows), 4 * recipe.rows),
        n_init=1,
        max_iter=recipe.epochs,
        max_no_improvement=None,
        random_state=recipe.seed,
    )
    return torch.from_numpy(model.fit(rows).cluster_centers_)


main = command_line(__doc__, RECIPES, fit)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
