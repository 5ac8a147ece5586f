"""The autoencoder for photographs: it starts as PCA, and a place knows nothing of what is far away."""

import pytest
import torch
from torch import Tensor, nn

from vqzoo.autoencoders import build_autoencoder
from vqzoo.autoencoders.patch import ChannelRMSNorm, PatchAutoencoder, _balanced
from vqzoo.autoencoders.pca import PCAAutoencoder

SMALL = {"channels": 1, "stem": 2, "widths": (8, 12), "blocks": 1}
"""Patches of 4 x 4 pixels: 16 numbers."""


def components(numbers: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """A mean, an orthonormal basis and falling variances."""
    generator = torch.Generator().manual_seed(seed)
    basis, _ = torch.linalg.qr(torch.randn(numbers, numbers, generator=generator))
    return torch.randn(numbers, generator=generator), basis, torch.arange(numbers, 0, -1.0)


@pytest.mark.parametrize("latent_dim", [3, 16])
def test_after_the_fit_it_is_pca(latent_dim):
    """The same latents and images as the linear autoencoder with these components."""
    mean, basis, variances = components(16)
    ours = build_autoencoder("patch", latent_dim=latent_dim, **SMALL)
    ours.fit(mean, basis, variances)
    linear = build_autoencoder("pca", channels=1, latent_dim=latent_dim, stride=4)
    assert isinstance(linear, PCAAutoencoder)
    linear.fit(mean, basis[:latent_dim])
    images = torch.rand(2, 1, 8, 12) * 2 - 1
    latents = ours.encode(images)
    torch.testing.assert_close(latents, linear.encode(images), rtol=0, atol=1e-5)
    torch.testing.assert_close(ours.decode(latents), linear.decode(latents), rtol=0, atol=1e-5)
    if latent_dim == 16:
        torch.testing.assert_close(ours.decode(latents), images, rtol=0, atol=1e-5)


def test_more_latents_than_components_start_at_zero():
    ours = build_autoencoder("patch", latent_dim=20, **SMALL)
    ours.fit(*components(16))
    latents = ours.encode(torch.rand(1, 1, 4, 4))
    assert latents[:, :16].abs().min() > 0 and not latents[:, 16:].any()


def test_balanced_shares_by_hand():
    """Largest first: 8 to run 0, 4 to run 1, 2 to run 1 (4 < 8), 1 to run 0, which is the only one with room."""
    assert _balanced(torch.tensor([8.0, 4.0, 2.0, 1.0]), 4, 2).tolist() == [0, 2, 3, 1]
    assert _balanced(torch.tensor([8.0, 4.0, 2.0, 1.0]), 4, 1).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("groups", [2, 4, 8])
def test_balanced_runs_have_nearly_equal_products(groups):
    variances = torch.logspace(2, -3, 32)
    places = _balanced(variances, 32, groups)
    assert sorted(places.tolist()) == list(range(32))
    in_place = torch.empty(32)
    in_place[places] = variances
    products = in_place.log10().view(groups, -1).sum(1)
    in_order = variances.log10().view(groups, -1).sum(1)
    assert products.max() - products.min() < 0.1 * (in_order.max() - in_order.min())


def test_balance_moves_components_and_changes_no_picture():
    mean, basis, variances = components(16)
    images = torch.rand(1, 1, 8, 8) * 2 - 1
    restored = []
    for balance in (1, 4):
        ours = build_autoencoder("patch", latent_dim=8, balance=balance, **SMALL)
        ours.fit(mean, basis, variances)
        restored.append(ours.decode(ours.encode(images)))
    torch.testing.assert_close(restored[0], restored[1], rtol=0, atol=1e-5)


def test_the_norm_is_rms_norm_of_each_place():
    norm, reference = ChannelRMSNorm(6), nn.RMSNorm(6, eps=1e-6)
    with torch.no_grad():
        norm.scale.copy_(torch.rand(6))
        reference.weight.copy_(norm.scale)
    x = torch.randn(2, 6, 3, 5)
    expected = torch.stack([reference(position) for position in x.permute(0, 2, 3, 1).reshape(-1, 6)])
    torch.testing.assert_close(norm(x), expected.view(2, 3, 5, 6).permute(0, 3, 1, 2))


def test_a_place_knows_nothing_of_what_is_far_away():
    """Photographs of any size are encoded and decoded as their crops are, away from the edges."""
    torch.manual_seed(0)
    autoencoder = build_autoencoder("patch", latent_dim=4, **SMALL).eval()
    with torch.no_grad():
        for parameter in autoencoder.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    image = torch.rand(1, 1, 4 * 24, 4 * 24)
    other = image.clone()
    other[..., : 4 * 4, :] = torch.rand(1, 1, 4 * 4, 4 * 24)
    latents, moved = autoencoder.encode(image), autoencoder.encode(other)
    assert not torch.equal(latents[:, :, :4], moved[:, :, :4])
    torch.testing.assert_close(latents[:, :, 12:], moved[:, :, 12:], rtol=0, atol=1e-6)
    restored, again = autoencoder.decode(latents), autoencoder.decode(moved)
    torch.testing.assert_close(restored[:, :, 4 * 20 :], again[:, :, 4 * 20 :], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"widths": 64}, r"widths=64: expected 1 to 8 whole numbers, one a scale, finest first"),
        ({"widths": ()}, r"widths=\(\): expected 1 to 8 whole numbers"),
        ({"widths": (8, 0)}, "widths=0: expected a whole number from 1 to 4096"),
        ({"stem": 0}, "stem=0: expected a whole number from 1 to 64"),
        ({"blocks": 0}, "blocks=0: expected a whole number from 1 to 64"),
        ({"latent_dim": 6, "balance": 4}, "balance=4: expected a divisor of latent_dim=6"),
    ],
)
def test_settings_that_are_wrong(settings, message):
    with pytest.raises(ValueError, match=message):
        PatchAutoencoder(**settings)
