"""What a run begins with: the linear path as PCA, weights of another model, codebooks from many latents."""

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
    """Start a fresh tokenizer from its first training images and from `recipe.start_from`; returns what was taken.

    To be called by all processes together. Raises ValueError for a model to start from that cannot be had or fits
    nowhere.
    """
    fitted = fit_linear_path(tokenizer.autoencoder, feed)
    taken = load_matching_weights(recipe.start_from, tokenizer, cards) if recipe.start_from else ""
    if fitted or taken:
        start_codebooks(tokenizer, feed)
    return taken


@torch.no_grad()
def start_codebooks(tokenizer: Tokenizer, feed: Feed) -> None:
    """Start the codebooks that start from data on the latents of many training images.

    A first batch of crops has fewer latents than a codebook has codevectors; k-means of those is a sample of them. To
    be called by all processes together, before the first step, with an encoder that is not random any more. A hierarchy
    is left as it is, as its finer latents follow from what the coarser ones were quantized to.
    """
    waiting = [each for each in named_codebooks(tokenizer).values() if each.waits]
    if not waiting or len(tokenizer.quantizers) > 1:
        return
    wanted = min(MOST_LATENTS, LATENTS_A_CODEVECTOR * max(each.codebook_size for each in waiting))
    latents = reshard_rows(torch.stack(list(_latents(tokenizer, feed, wanted))))
    tokenizer.train()
    tokenizer.quantizer(latents[None, :, None])


def _latents(tokenizer: Tokenizer, feed: Feed, wanted: int) -> Iterator[Tensor]:
    number = 0
    tokenizer.eval()
    device = next(tokenizer.parameters()).device
    with closing(feed.batches(0)) as batches:
        for pixels in batches:
            latents = tokenizer.latents(from_bytes(pixels.to(device))).flatten(0, 2)
            yield latents
            number += row_offset(len(latents), latents.device)[1]
            if number >= wanted:
                return
