"""Initialize a tokenizer: its linear path by PCA, weights of another model, codebooks from latents."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import torch
from torch import Tensor

from trainers.baselines.principal import fit_linear_path
from trainers.data.feed import Feed
from trainers.loop.resume import load_matching_weights
from trainers.recipes.recipe import Recipe
from vqzoo.ops.distributed import reshard_rows, row_offset
from vqzoo.ops.pixels import from_bytes
from vqzoo.quantizers.codebook import named_codebooks
from vqzoo.tokenizer import Tokenizer

LATENTS_A_CODEVECTOR = 16
MOST_LATENTS = 2**15


def start(recipe: Recipe, tokenizer: Tokenizer, feed: Feed, cards: Path) -> str:
    """Initialize a new tokenizer from training images and from the model `recipe.start_from`.

    Returns a sentence on the weights that were loaded, or "". Every process must call this. Raises ValueError for a
    model that cannot be loaded or does not fit.
    """
    fitted = fit_linear_path(tokenizer.autoencoder, feed)
    loaded = load_matching_weights(recipe.start_from, tokenizer, cards) if recipe.start_from else ""
    if fitted or loaded:
        start_codebooks(tokenizer, feed)
    return loaded


@torch.no_grad()
def start_codebooks(tokenizer: Tokenizer, feed: Feed) -> None:
    """Initialize the codebooks that start from data with the latents of many training images.

    The first batch alone may have fewer latents than a codebook has codevectors. Call this on every process, before the
    first step, and with an encoder that is not random. Hierarchies are left alone, because their finer latents depend
    on the quantized coarser ones.
    """
    waiting = [each for each in named_codebooks(tokenizer).values() if each.waits]
    if not waiting or len(tokenizer.quantizers) > 1:
        return
    number_wanted = min(MOST_LATENTS, LATENTS_A_CODEVECTOR * max(each.codebook_size for each in waiting))
    latents = reshard_rows(torch.stack(list(_latents(tokenizer, feed, number_wanted))))
    tokenizer.train()
    tokenizer.quantizer(latents[None, :, None])


def _latents(tokenizer: Tokenizer, feed: Feed, number_wanted: int) -> Iterator[Tensor]:
    number = 0
    tokenizer.eval()
    device = next(tokenizer.parameters()).device
    with closing(feed.batches(0)) as batches:
        for pixels in batches:
            latents = tokenizer.latents(from_bytes(pixels.to(device))).flatten(0, 2)
            yield latents
            number += row_offset(len(latents), latents.device)[1]
            if number >= number_wanted:
                return
