"""L1, PSNR and SSIM by hand and against scikit-image."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

from vqzoo.metrics.fidelity import PSNR_CAP, l1, ms_ssim, psnr, ssim

METRICS = [l1, psnr, ssim]


def pair(height: int = 24, width: int = 33, channels: int = 3, batch: int = 3, seed: int = 0):
    """Smooth pictures and noisy versions of them, each noisier than the one before."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    originals = np.empty((batch, channels, height, width))
    for position in np.ndindex(batch, channels):
        a, b, c = generator.uniform(0.05, 0.4, 3)
        originals[position] = 127.5 + 100 * np.sin(a * rows + b * columns + 10 * c)
    noise = generator.normal(size=originals.shape) * np.array([4, 12, 40])[:batch, None, None, None]
    as_bytes = [torch.from_numpy(x.clip(0, 255).astype(np.uint8)) for x in (originals + noise, originals)]
    return as_bytes[0], as_bytes[1]


def test_numbers_by_hand():
    """Four values, differences 0, 1, 2 and 255 levels."""
    originals = torch.tensor([[10, 20, 30, 0]], dtype=torch.uint8).view(1, 1, 2, 2)
    images = torch.tensor([[10, 21, 28, 255]], dtype=torch.uint8).view(1, 1, 2, 2)
    assert l1(images, originals).item() == pytest.approx((0 + 1 + 2 + 255) / 4 / 255)
    mse = (0 + 1 + 4 + 255**2) / 4 / 255**2
    assert psnr(images, originals).item() == pytest.approx(-10 * math.log10(mse), rel=1e-6)


@pytest.mark.parametrize("level", [1, 5, 51, 255])
def test_a_constant_difference_by_hand(level):
    black, grey = torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.full((2, 3, 8, 8), level, dtype=torch.uint8)
    assert l1(grey, black).tolist() == pytest.approx([level / 255] * 2, rel=1e-6)
    assert psnr(grey, black).tolist() == pytest.approx([20 * math.log10(255 / level)] * 2, abs=1e-5)
    # No variance anywhere: what is left of SSIM is the luminance term, c1 = 0.01^2.
    assert ssim(grey, black).tolist() == pytest.approx([1e-4 / ((level / 255) ** 2 + 1e-4)] * 2, rel=1e-3)


def test_equal_images_reach_the_ends_of_the_scales():
    images, _ = pair()
    assert l1(images, images).tolist() == [0] * 3
    assert psnr(images, images).tolist() == [PSNR_CAP] * 3 == [100.0] * 3
    assert ssim(images, images).tolist() == pytest.approx([1] * 3, abs=1e-5)


def test_the_cap_holds_for_nearly_equal_images_too():
    black = torch.zeros(1, 3, 300, 300, dtype=torch.uint8)
    dot = black.clone()
    dot[0, 0, 0, 0] = 1
    assert psnr(dot, black).item() == 100.0, "one level in 270,000 values would be 102.4 dB"


def test_bytes_do_not_wrap_around():
    black, white = torch.zeros(1, 1, 8, 8, dtype=torch.uint8), torch.full((1, 1, 8, 8), 255, dtype=torch.uint8)
    for one, other in ((black, white), (white, black)):
        assert l1(one, other).item() == 1 and psnr(one, other).item() == 0


def test_psnr_is_per_image_and_the_mean_is_left_to_the_caller():
    images, originals = pair()
    expected = [peak_signal_noise_ratio(a.numpy(), b.numpy()) for a, b in zip(originals, images, strict=True)]
    assert psnr(images, originals).tolist() == pytest.approx(expected, abs=1e-4)
    of_all = peak_signal_noise_ratio(originals.numpy(), images.numpy())
    assert abs(np.mean(expected) - of_all) > 3, "the PSNR of the joint error is another number"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(24, 33), (11, 11), (64, 48)])
def test_ssim_agrees_with_scikit_image(size, channels):
    """Ours is the mean over every pixel, windows at the border filled by reflection; scikit-image leaves out a margin
    of 5 pixels, so it gets the images with that margin added. 1e-4 is what is left of float32 in E[x^2] - E[x]^2."""
    images, originals = pair(*size, channels)
    for ours, one, other in zip(ssim(images, originals), images, originals, strict=True):
        padded = [np.pad(x.numpy(), ((0, 0), (5, 5), (5, 5)), mode="reflect") for x in (one, other)]
        theirs = structural_similarity(
            *padded, channel_axis=0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
        )
        assert ours.item() == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("metric", METRICS)
def test_an_images_number_does_not_depend_on_its_batch(metric):
    images, originals = pair()
    alone = torch.cat([metric(a, b) for a, b in zip(images.split(1), originals.split(1), strict=True)])
    torch.testing.assert_close(metric(images, originals), alone, rtol=0, atol=1e-6)
    assert alone.shape == (3,) and alone.dtype == torch.float32


@pytest.mark.parametrize("metric", METRICS)
def test_noise_orders_them(metric):
    images, originals = pair()
    values = metric(images, originals).tolist()
    assert values == sorted(values, reverse=metric is not l1) and len(set(values)) == 3


@pytest.mark.parametrize("metric", METRICS)
def test_what_is_not_two_equal_batches_of_bytes_is_refused(metric):
    images, originals = pair()
    for wrong in (images / 255, images[:1], images[0], images.int()):
        with pytest.raises(ValueError, match=r"expected two uint8 tensors of one shape \(batch, channels"):
            metric(wrong, originals)


def test_the_smallest_side_that_ssim_takes():
    images, originals = pair(6, 6)
    assert ssim(images, originals).isfinite().all()
    with pytest.raises(ValueError, match=r"images of \(5, 6\) pixels: SSIM needs sides of at least 6"):
        ssim(images[:, :, :5], originals[:, :, :5])


@pytest.mark.parametrize("size", [(6, 6), (28, 28), (61, 90), (130, 200)])
def test_ssim_is_that_of_torchmetrics(size):
    images, originals = pair(*size)
    settings = {"sigma": 1.5, "kernel_size": 11, "data_range": 1.0, "reduction": "none"}
    expected = structural_similarity_index_measure(images.double() / 255, originals.double() / 255, **settings)
    assert ssim(images, originals).tolist() == pytest.approx(expected.tolist(), abs=5e-6)


@pytest.mark.parametrize(("height", "width", "channels"), [(176, 192, 3), (256, 176, 1)])
def test_ms_ssim_is_that_of_torchmetrics(height, width, channels):
    images, originals = pair(height, width, channels)
    floats = images / 255, originals / 255
    expected = multiscale_structural_similarity_index_measure(*floats, data_range=1.0, reduction="none")
    torch.testing.assert_close(ms_ssim(images, originals), expected, rtol=1e-4, atol=1e-5)


def test_ms_ssim_of_the_smallest_images():
    """161 pixels are 81, 41, 21 and 11 at the coarser scales. Of odd sides the last pixel counts."""
    images, originals = pair(161, 161, 1, 1)
    assert ms_ssim(originals, originals).item() == pytest.approx(1, abs=1e-5)
    other = images.clone()
    other[..., -1] = 255 - other[..., -1]
    assert ms_ssim(other, originals).item() < ms_ssim(images, originals).item()
    with pytest.raises(ValueError, match="at least 161"):
        ms_ssim(images[..., :160], originals[..., :160])
