"""The network of the study of residual quantization: excitation and blocks by hand, the study's widths."""

import torch
from torch import nn

from vqzoo.autoencoders import build_autoencoder
from vqzoo.autoencoders.squeeze import Block, SqueezeExcite


def test_excitation_by_hand():
    """Channels of means 1 and 3; the hidden number 2 * 1 - 1 * 3 + 2 = 1; scales sigmoid(0) and sigmoid(GELU(1))."""
    module = SqueezeExcite(2)
    with torch.no_grad():
        module.squeeze.weight.copy_(torch.tensor([[2.0, -1.0]]))
        module.squeeze.bias.fill_(2.0)
        module.excite.weight.copy_(torch.tensor([[0.0], [1.0]]))
        module.excite.bias.zero_()
    x = torch.tensor([[[[0.0, 2.0]], [[3.0, 3.0]]]])
    expected = x * torch.tensor([0.5, torch.sigmoid(torch.tensor(0.841345))])[None, :, None, None]
    assert torch.allclose(module(x), expected)


def test_a_block_that_adds_nothing_is_its_shortcut():
    block = Block(2, 3).eval()
    nn.init.zeros_(block.body[-2].weight)
    nn.init.zeros_(block.body[-2].bias)
    x = torch.randn(1, 2, 4, 4)
    assert torch.equal(block(x), block.shortcut(x))


def test_the_study_s_widths():
    """Down 16, 32, 64, 128 and up 128, 64, 32, 16, on grids of 4 x 4."""
    autoencoder = build_autoencoder("squeeze", latent_dim=64).eval()
    strided = [m for m in autoencoder.encoder if isinstance(m, nn.Conv2d) and m.stride == (2, 2)]
    assert [layer.out_channels for layer in strided] == [32, 64, 128]
    raised = [m for m in autoencoder.decoder if isinstance(m, nn.ConvTranspose2d)]
    assert [layer.out_channels for layer in raised] == [64, 32, 16]
    assert sum(isinstance(m, Block) for m in autoencoder.modules()) == 12
    latents = autoencoder.encode(torch.zeros(1, 3, 32, 32))
    assert latents.shape == (1, 64, 4, 4) and autoencoder.decode(latents).shape == (1, 3, 32, 32)
