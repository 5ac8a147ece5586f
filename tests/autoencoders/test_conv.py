"""The convolutional autoencoder: parameters counted by hand, what the skip carries, a picture moved by a cell."""

import pytest
import torch

from vqzoo.autoencoders import build_autoencoder
from vqzoo.autoencoders.conv import ResidualBlock
from vqzoo.autoencoders.inception import InceptionBlock

SMALL = {"width": 8, "residual_width": 4, "latent_dim": 6}


def test_parameters_of_the_default_backbone_by_hand():
    """Weights and biases, layer by layer."""
    residual = (128 * 32 * 9 + 32) + (32 * 128 + 128)
    encoder = (3 * 64 * 16 + 64) + (64 * 128 * 16 + 128) + (128 * 128 * 9 + 128) + 2 * residual + (128 * 128 + 128)
    decoder = (128 * 128 * 9 + 128) + 2 * residual + (128 * 64 * 16 + 64) + (64 * 3 * 16 + 3)
    assert (encoder, decoder) == (380_672, 364_035)
    autoencoder = build_autoencoder("conv")
    assert sum(p.numel() for p in autoencoder.encoder.parameters()) == encoder
    assert sum(p.numel() for p in autoencoder.decoder.parameters()) == decoder


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_residual_blocks_can_be_any_number(blocks):
    autoencoder = build_autoencoder("conv", residual_blocks=blocks, **SMALL)
    assert sum(isinstance(module, ResidualBlock) for module in autoencoder.modules()) == 2 * blocks


@pytest.mark.parametrize("blocks", [0, 2])
def test_inception_blocks_stand_on_both_sides(blocks):
    autoencoder = build_autoencoder("conv", inception_blocks=blocks, **SMALL)
    for side in (autoencoder.encoder, autoencoder.decoder):
        assert sum(isinstance(module, InceptionBlock) for module in side.modules()) == blocks
    assert autoencoder.decode(torch.randn(1, 6, 2, 3)).shape == (1, 3, 8, 12)


def test_parameters_of_an_inception_block_by_hand():
    one, three, five, pooled = (
        128 * 32 + 32,
        128 * 64 + 64 + 64 * 64 * 9 + 64,
        128 * 16 + 16 + 16**2 * 25 + 16,
        128 * 16 + 16,
    )
    assert sum(p.numel() for p in InceptionBlock(128).parameters()) == one + three + five + pooled == 59_856


def test_the_branches_of_an_inception_block():
    """A single bright pixel, all weights one: each branch answers as far as its window reaches."""
    block = InceptionBlock(8)
    for parameter in block.parameters():
        torch.nn.init.constant_(parameter, float(parameter.ndim > 1))
    image = torch.zeros(1, 8, 9, 9)
    image[0, 0, 4, 4] = 1.0
    out = block(image)[0]
    reach = [(channel > 0).sum(1).max().item() for channel in out]
    assert reach == [1, 1, 3, 3, 3, 3, 5, 3]
    assert out[2, 4, 4] == 4 and out[7, 3, 3] == 1  # four reduced channels, one maximum


def test_the_skip_carries_the_input_itself():
    """An in-place ReLU would make the skip relu(x) and change what the caller holds."""
    block = ResidualBlock(4, 2)
    torch.nn.init.zeros_(block.conv_out.weight)
    torch.nn.init.zeros_(block.conv_out.bias)
    x = torch.randn(2, 4, 5, 5)
    before = x.clone()
    assert torch.equal(block(x), before) and torch.equal(x, before) and x.min() < 0


def test_the_block_by_hand():
    """One pixel, one channel: x + 3 relu(2 relu(x) - 1) + 0.5."""
    block = ResidualBlock(1, 1)
    torch.nn.init.zeros_(block.conv_in.weight)
    block.conv_in.weight.data[0, 0, 1, 1] = 2.0
    block.conv_in.bias.data.fill_(-1.0)
    block.conv_out.weight.data.fill_(3.0)
    block.conv_out.bias.data.fill_(0.5)
    out = [block(torch.tensor(x).view(1, 1, 1, 1)).item() for x in (-2.0, 0.25, 2.0)]
    assert out == [-1.5, 0.75, 11.5]


def test_latents_moved_by_a_cell_are_a_picture_moved_by_a_stride():
    """Away from the border, where the padding tells places apart."""
    autoencoder = build_autoencoder("conv", stride=8, **SMALL)
    latents = torch.randn(1, 6, 16, 16)
    images, moved = autoencoder.decode(latents), autoencoder.decode(latents.roll((1, 2), (2, 3)))
    inner = slice(5 * 8, 9 * 8)
    torch.testing.assert_close(moved.roll((-8, -16), (2, 3))[..., inner, inner], images[..., inner, inner])
    assert not torch.allclose(moved[..., inner, inner], images[..., inner, inner])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stride": 3}, "stride=3: expected one of 2, 4, 8, 16, 32, 64"),
        ({"stride": 1}, "stride=1: expected one of 2, 4"),
        ({"stride": 128}, "stride=128: expected one of 2, 4"),
        ({"stride": "4"}, "stride='4': expected one of 2, 4"),
        ({"stride": 4.0}, "stride=4.0: expected one of 2, 4"),
        ({"width": 1}, "width=1: expected a whole number from 2"),
        ({"residual_width": 0}, "residual_width=0: expected a whole number"),
        ({"residual_blocks": -1}, "residual_blocks=-1: expected a whole number"),
        ({"inception_blocks": 0.5}, "inception_blocks=0.5: expected a whole number"),
        ({"inception_blocks": 1, "width": 12}, "width=12: expected a multiple of 8"),
        ({"widht": 8}, "did you mean 'width'"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_right(settings, message):
    with pytest.raises(ValueError, match=message):
        build_autoencoder("conv", **settings)
