"""Codebooks start on the latents of many images where the encoder knows something already."""

from dataclasses import replace

import torch

from trainers.data.open import open_feed
from trainers.loop.start import LATENTS_A_CODEVECTOR, start, start_codebooks
from vqzoo.ops.pixels import from_bytes

PATCH = {"name": "patch", "stem": 2, "widths": (4,), "blocks": 1}


def opened(tiny, data, **changes):
    settings = {"autoencoder": PATCH, "latent_dim": 12, "quantizer": {"name": "ema", "codebook_size": 64}}
    recipe = replace(tiny(batch_size=4), **{**settings, **changes})
    torch.manual_seed(0)
    return recipe, recipe.build(), open_feed(recipe, str(data))[0]


def test_after_pca_the_codebook_has_the_centres_of_many_batches(data, tiny, tmp_path):
    """Nearer to the images than k-means of the first batch, which has as many latents as there are codevectors."""
    recipe, tokenizer, feed = opened(tiny, data)
    start(recipe, tokenizer, feed, tmp_path)
    codebook = tokenizer.quantizer.codebook
    assert codebook.started
    images = from_bytes(next(feed.batches(11)))
    latents = tokenizer.eval().latents(images).flatten(0, 2)
    first = tokenizer.latents(from_bytes(next(feed.batches(0)))).flatten(0, 2)
    sample = first[torch.randperm(len(first))[:64]]

    def error(codevectors):
        return torch.cdist(latents, codevectors).min(1).values.square().mean()

    assert error(codebook.codevectors()) < 0.8 * error(sample)
    assert (codebook.counts > 0).all() and LATENTS_A_CODEVECTOR * 64 > len(first)


def test_a_random_encoder_leaves_the_start_to_the_first_step(data, tiny, tmp_path):
    recipe, tokenizer, feed = opened(tiny, data, autoencoder={"name": "conv", "stride": 4}, latent_dim=8)
    start(recipe, tokenizer, feed, tmp_path)
    assert not tokenizer.quantizer.codebook.started


def test_levels_of_a_residual_quantizer_start_on_what_is_left_over(data, tiny):
    quantizer = {"name": "rvq", "levels": 3, "codebook_size": 16, "start": "kmeans"}
    recipe, tokenizer, feed = opened(tiny, data, quantizer=quantizer)
    start_codebooks(tokenizer, feed)
    tokenizer.eval()
    images = from_bytes(next(feed.batches(3)))
    latents = tokenizer.latents(images)
    tokens = tokenizer.encode(images)
    errors = [
        (tokenizer.quantizer.decode(tokenizer.first_levels(tokens, levels).grids[0]) - latents).square().mean()
        for levels in (1, 2, 3)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_a_codebook_that_has_started_stays(data, tiny):
    recipe, tokenizer, feed = opened(tiny, data)
    start_codebooks(tokenizer, feed)
    before = tokenizer.quantizer.codebook.codevectors().clone()
    start_codebooks(tokenizer, feed)
    assert torch.equal(tokenizer.quantizer.codebook.codevectors(), before)
