"""MAGVIT-v2's network: parameters counted by hand, and the norm that looks at all latents."""

import torch

from vqzoo.autoencoders import build_autoencoder
from vqzoo.autoencoders.magvit2 import AdaptiveNorm


def test_parameters_of_the_published_network():
    """By hand, with the biases that the published code leaves out: of the first convolution and of every block's."""

    def conv(width: int, out: int, kernel: int = 3) -> int:
        return width * out * kernel**2 + out

    def block(width: int, out: int) -> int:
        skip = conv(width, out, 1) if width != out else 0
        return 2 * width + conv(width, out) + 2 * out + conv(out, out) + skip

    with torch.device("meta"):
        network = build_autoencoder("magvit2")
    scales = [(128, 128), (128, 128), (128, 256), (256, 256), (256, 512)]
    encoder = conv(3, 128) + 2 * 512 + conv(512, 18, 1) + 4 * block(512, 512)
    encoder += sum(block(width, out) + 3 * block(out, out) for width, out in scales)
    encoder += 2 * conv(128, 128) + 2 * conv(256, 256)
    up = [(512, 512), (512, 256), (256, 256), (256, 128), (128, 128)]
    decoder = conv(18, 512) + 2 * 128 + conv(128, 3) + 4 * block(512, 512)
    decoder += sum(2 * (18 * width + width) + block(width, out) + 3 * block(out, out) for width, out in up)
    decoder += conv(512, 2048) + 2 * conv(256, 1024) + conv(128, 512)
    counted = [sum(p.numel() for p in half.parameters()) for half in (network.encoder, network.decoder)]
    assert counted == [encoder, decoder]


def test_adaptive_norm_by_hand():
    """One channel (1, 2, 3, 6) of mean 3 and variance 3.5; latents (0, 4) of mean 2 and unbiased variance 8."""
    norm = AdaptiveNorm(1, 1, None)
    for layer, weight, bias in ((norm.scale, 2.0, 1.0), (norm.shift, -1.0, 0.5)):
        layer.weight.data.fill_(weight)
        layer.bias.data.fill_(bias)
    x = torch.tensor([1.0, 2.0, 3.0, 6.0]).view(1, 1, 2, 2)
    expected = [(value - 3) / 3.5**0.5 * (2 * 8**0.5 + 1) - 1.5 for value in (1, 2, 3, 6)]
    torch.testing.assert_close(norm(x, torch.tensor([0.0, 4.0]).view(1, 1, 1, 2)).flatten(), torch.tensor(expected))


def test_a_single_place_has_no_spread():
    """Its unbiased variance would be 0 / 0; it is 0, and the scale that of sqrt(1e-6)."""
    norm = AdaptiveNorm(4, 3, None)
    x, latents = torch.randn(2, 4, 2, 2), torch.randn(2, 3, 1, 1)
    scale, shift = norm.scale(torch.full((2, 3), 1e-3)), norm.shift(latents.flatten(1))
    expected = torch.nn.functional.group_norm(x, 1, eps=1e-6) * scale[..., None, None] + shift[..., None, None]
    torch.testing.assert_close(norm(x, latents), expected)
