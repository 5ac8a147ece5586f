"""Principal components as an autoencoder: by hand, and against scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.autoencoders.pca import blocks
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer


def fitted(channels: int, latent_dim: int, stride: int, images: torch.Tensor):
    """The autoencoder with scikit-learn's components of the images' blocks, and those rows."""
    rows = blocks(images, stride).double().numpy()
    model = PCA(latent_dim, svd_solver="full").fit(rows)
    autoencoder = build_autoencoder("pca", channels=channels, latent_dim=latent_dim, stride=stride)
    autoencoder.fit(torch.from_numpy(model.mean_), torch.from_numpy(model.components_))
    return autoencoder, model, rows


def test_a_block_is_read_by_channel_row_and_column():
    images = torch.arange(2 * 3 * 4 * 6).view(2, 3, 4, 6)
    rows = blocks(images, 2)
    assert rows.shape == (2 * 2 * 3, 12)
    for row, (image, top, left) in enumerate(np.ndindex(2, 2, 3)):
        block = images[image, :, 2 * top : 2 * top + 2, 2 * left : 2 * left + 2]
        assert torch.equal(rows[row], block.flatten())


def test_one_grey_block_by_hand():
    """Mean 0.5 everywhere, one direction along the diagonal: z = (1 - 0.5) / sqrt 2 * 2."""
    autoencoder = build_autoencoder("pca", channels=1, latent_dim=1, stride=2)
    autoencoder.fit(torch.full((4,), 0.5), torch.tensor([[0.5**0.5, 0.0, 0.0, 0.5**0.5]]))
    image = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).view(1, 1, 2, 2)
    latents = autoencoder.encode(image)
    assert latents.shape == (1, 1, 1, 1) and latents.item() == pytest.approx(0.5**0.5)
    assert autoencoder.decode(latents).flatten().tolist() == pytest.approx([1.0, 0.5, 0.5, 1.0])


@pytest.mark.parametrize(("channels", "latent_dim", "stride"), [(3, 10, 4), (1, 5, 8), (3, 1, 2), (3, 20, 16)])
def test_it_is_the_projection_of_scikit_learn(channels, latent_dim, stride):
    images = torch.rand(24, channels, 16, 16) * 2 - 1
    autoencoder, model, rows = fitted(channels, latent_dim, stride, images)
    latents = autoencoder.encode(images)
    side = 16 // stride
    assert latents.shape == (24, latent_dim, side, side)
    flat = latents.permute(0, 2, 3, 1).reshape(-1, latent_dim)
    np.testing.assert_allclose(flat, model.transform(rows), atol=1e-5)
    restored = blocks(autoencoder.decode(latents), stride)
    np.testing.assert_allclose(restored, model.inverse_transform(model.transform(rows)), atol=1e-5)


def test_all_components_lose_nothing():
    images = torch.rand(60, 3, 4, 4) * 2 - 1
    autoencoder, *_ = fitted(3, 48, 4, images)
    torch.testing.assert_close(autoencoder.decode(autoencoder.encode(images)), images, rtol=0, atol=1e-5)


def test_nothing_learns_and_the_gradient_reaches_the_images():
    autoencoder, *_ = fitted(3, 6, 4, torch.rand(9, 3, 8, 8))
    images = torch.rand(1, 3, 8, 8, requires_grad=True)
    assert not any(parameter.requires_grad for parameter in autoencoder.parameters())
    (gradient,) = torch.autograd.grad(autoencoder.decode(autoencoder.encode(images)).square().sum(), images)
    assert gradient.any()


@pytest.mark.parametrize("stride", [4, 8, 32])
def test_it_is_a_tokenizer_of_any_size(stride, tmp_path):
    autoencoder = build_autoencoder("pca", latent_dim=12, stride=stride)
    quantizer = build("uniform", dim=12, levels=[9, 5, *[2] * 10])
    tokenizer = Tokenizer(autoencoder, quantizer, build_position("none", dim=12), 32).eval()
    tokenizer.save_pretrained(tmp_path)
    loaded = Tokenizer.from_pretrained(tmp_path)
    images = torch.rand(2, 3, 37, 70) * 2 - 1
    tokens = tokenizer.encode(images)
    assert tokens.grids[0].shape == (2, -(-37 // stride), -(-70 // stride), 12)
    restored = tokenizer(images).images
    assert restored.shape == images.shape
    assert torch.equal(restored, tokenizer.decode(tokens)) and torch.equal(restored, loaded(images).images)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stride": 0}, "stride=0: expected a whole number from 1 to 1024"),
        ({"stride": 2, "latent_dim": 13}, "latent_dim=13: a block has 12 numbers, so at most as many components"),
        ({"latent_dim": 0}, "latent_dim=0: expected a whole number from 1"),
        ({"channels": 2}, r"channels=2: expected 1 \(grey\) or 3 \(RGB\)"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build_autoencoder("pca", **settings)
