"""The convolutional autoencoder: shapes at any stride, parameters counted by hand, what the skip carries."""

import pytest
import torch

from vqzoo.autoencoders import AUTOENCODERS, build_autoencoder
from vqzoo.autoencoders.conv import ResidualBlock

SMALL = {"width": 8, "residual_width": 4, "latent_dim": 6}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("stride", [2, 4, 8, 16, 32, 64])
@pytest.mark.parametrize("name", AUTOENCODERS)
def test_shapes_there_and_back(name, stride, channels):
    autoencoder = build_autoencoder(name, stride=stride, channels=channels, **SMALL)
    latents = autoencoder.encode(torch.rand(2, channels, 3 * stride, stride))
    assert latents.shape == (2, 6, 3, 1)
    assert autoencoder.decode(latents).shape == (2, channels, 3 * stride, stride)
    assert (autoencoder.stride, autoencoder.channels, autoencoder.latent_dim) == (stride, channels, 6)


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


def test_nothing_bounds_the_output():
    autoencoder = build_autoencoder("conv", **SMALL)
    images = autoencoder.decode(100 * torch.randn(1, 6, 4, 4))
    assert images.min() < -1 and images.max() > 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stride": 3}, "stride=3: expected one of 2, 4, 8, 16, 32, 64"),
        ({"stride": 1}, "stride=1: expected one of 2, 4"),
        ({"stride": 128}, "stride=128: expected one of 2, 4"),
        ({"stride": "4"}, "stride='4': expected one of 2, 4"),
        ({"stride": 4.0}, "stride=4.0: expected one of 2, 4"),
        ({"channels": 2}, r"channels=2: expected 1 \(grey\) or 3 \(RGB\)"),
        ({"channels": True}, r"channels=True: expected 1 \(grey\) or 3 \(RGB\)"),
        ({"channels": 3.0}, r"channels=3.0: expected 1"),
        ({"channels": "3"}, r"channels='3': expected 1"),
        ({"latent_dim": 0}, "latent_dim=0: expected a whole number"),
        ({"width": 1}, "width=1: expected a whole number from 2"),
        ({"residual_width": 0}, "residual_width=0: expected a whole number"),
        ({"residual_blocks": -1}, "residual_blocks=-1: expected a whole number"),
        ({"widht": 8}, "did you mean 'width'"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_right(settings, message):
    with pytest.raises(ValueError, match=message):
        build_autoencoder("conv", **settings)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"autoencoder='convv': did you mean 'conv'"):
        build_autoencoder("convv")


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_configuration_builds_the_same_again(name):
    autoencoder = build_autoencoder(name, stride=8, channels=1, **SMALL)
    rebuilt = build_autoencoder(**autoencoder.config)
    assert rebuilt.config == autoencoder.config
    rebuilt.load_state_dict(autoencoder.state_dict())
    images = torch.rand(1, 1, 16, 24)
    assert torch.equal(rebuilt.encode(images), autoencoder.encode(images))
