"""VQ-VAE-2's autoencoder: two grids, of which the fine one is told what the coarse one was quantized to."""

import pytest
import torch

from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer

SMALL = {"latent_dim": 4, "stride": 2, "width": 16, "residual_width": 8}


def test_parameters_of_the_default_network_by_hand():
    residual = 2 * ((128 * 32 * 9 + 32) + (32 * 128 + 128))
    three = 128 * 128 * 9 + 128
    features = (3 * 64 * 16 + 64) + (64 * 128 * 16 + 128) + three + residual
    top = (128 * 128 * 16 + 128) + three + residual + (128 * 64 + 64)
    condition = (64 * 128 * 9 + 128) + residual + (128 * 64 * 16 + 64)
    bottom = (64 + 128) * 64 + 64
    decoder = (64 * 64 * 16 + 64) + (2 * 64 * 128 * 9 + 128) + residual + (128 * 64 * 16 + 64) + (64 * 3 * 16 + 3)
    autoencoder = build_autoencoder("hierarchical")
    for name, count in {
        "encoder": features,
        "top": top,
        "condition": condition,
        "bottom": bottom,
        "decoder": decoder,
    }.items():
        assert sum(p.numel() for p in getattr(autoencoder, name).parameters()) == count, name
    assert autoencoder.strides == (8, 4)


def test_what_the_top_was_quantized_to_changes_the_bottoms_latents():
    autoencoder = build_autoencoder("hierarchical", **SMALL).eval()
    features = autoencoder.encode(torch.rand(1, 3, 32, 32))
    top = autoencoder.latents(features)
    other = top.clone()
    other[..., 0, 0] += 1
    changed = (autoencoder.latents(features, top) != autoencoder.latents(features, other)).any(1)[0]
    assert changed[:2, :2].all() and not changed[-1, -1]


def test_the_top_does_not_hang_on_the_bottom():
    """Else the coarse indices could not be known first."""
    autoencoder = build_autoencoder("hierarchical", **SMALL)
    grids = torch.autograd.grad(
        autoencoder.latents(autoencoder.encode(torch.rand(1, 3, 8, 8))).square().sum(),
        list(autoencoder.bottom.parameters()) + list(autoencoder.condition.parameters()),
        allow_unused=True,
    )
    assert all(gradient is None for gradient in grids)


def test_the_top_is_upsampled_to_the_bottoms_grid_and_lies_before_it():
    decoder = build_autoencoder("hierarchical", **SMALL).decoder
    decoder.pixels = torch.nn.Identity()
    top, bottom = torch.randn(2, 4, 2, 3), torch.randn(2, 4, 4, 6)
    both = decoder(top, bottom)
    assert torch.equal(both[:, 4:], bottom) and torch.equal(both[:, :4], decoder.upsample(top))


def test_a_tokenizer_of_two_levels_is_told_the_top_as_it_was_quantized():
    """The bottom's indices are those of latents made from quantized top latents, and rates of both levels add up."""
    autoencoder = build_autoencoder("hierarchical", **SMALL)
    levels = [build("vq", dim=4, codebook_size=size, start="normal") for size in (8, 32)]
    tokenizer = Tokenizer(autoencoder, levels, build_position("none", dim=4), 16).eval()
    images = torch.rand(2, 3, 7, 13) * 2 - 1
    tokens = tokenizer.encode(images)
    assert [tuple(grid.shape[1:3]) for grid in tokens.grids] == [(2, 4), (4, 8)]
    assert tokenizer.bits(tokens).tolist() == [8 * 3 + 32 * 5] * 2
    features = autoencoder.encode(torch.nn.functional.pad(images, (0, 3, 0, 1), mode="replicate"))
    top = levels[0].decode(tokens.grids[0]).permute(0, 3, 1, 2)
    raw = autoencoder.latents(features)
    bottom, untold = (levels[1].encode(autoencoder.latents(features, t).permute(0, 2, 3, 1)) for t in (top, raw))
    assert torch.equal(bottom, tokens.grids[1]) and not torch.equal(untold, bottom)
    assert torch.equal(tokenizer(images).images, tokenizer.decode(tokens))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stride": 3}, "stride=3: expected one of 2, 4, 8, 16, 32, 64"),
        ({"stride": 1}, "stride=1: expected one of 2, 4"),
        ({"width": 1}, "width=1: expected a whole number from 2"),
        ({"residual_width": 0}, "residual_width=0: expected a whole number"),
        ({"residual_blocks": -1}, "residual_blocks=-1: expected a whole number"),
        ({"strides": (8, 4)}, "did you mean 'stride'"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_right(settings, message):
    with pytest.raises(ValueError, match=message):
        build_autoencoder("hierarchical", **settings)
