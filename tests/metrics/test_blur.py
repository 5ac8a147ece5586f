"""The window of SSIM against SciPy's."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d

from vqzoo.metrics.blur import blur, gaussian


@pytest.mark.parametrize("size", [(6, 6), (7, 64), (64, 65), (130, 63), (200, 128)])
def test_it_is_the_correlation_with_the_window(size):
    images = torch.rand(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    expected = images.numpy()
    for axis in (2, 3):
        expected = correlate1d(expected, weights / weights.sum(), axis, mode="mirror")
    np.testing.assert_allclose(blur(images, gaussian(11, 1.5)).numpy(), expected, rtol=1e-12)


def test_a_single_pixel_becomes_the_window():
    images = torch.zeros(1, 1, 9, 9)
    images[0, 0, 4, 4] = 1
    actual = blur(images, gaussian(3, 1.0))[0, 0]
    side = np.exp(-0.5)
    row = np.array([side, 1, side]) / (1 + 2 * side)
    np.testing.assert_allclose(actual[3:6, 3:6].numpy(), np.outer(row, row), rtol=1e-6)
    assert actual.sum().item() == pytest.approx(1) and (actual > 0).sum() == 9
