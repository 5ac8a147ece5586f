"""Tests of the metrics of images, and of the intervals of their means against scipy's."""

import numpy as np
import pytest
import scipy.stats
import torch

from vqzoo.metrics.fidelity import l1, ms_ssim, psnr, ssim
from vqzoo.metrics.measure import compare, intervals


def pair(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    originals = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8)
    return originals // 2, originals


@pytest.mark.parametrize(
    ("side", "functions"),
    [(5, {"psnr": psnr, "l1": l1}), (160, {"psnr": psnr, "ssim": ssim, "l1": l1}), (161, {"ms_ssim": ms_ssim})],
)
def test_each_metric_that_images_are_large_enough_for(side, functions):
    images, originals = pair(side)
    values = compare(images, originals)
    assert values.keys() == functions.keys() | ({"psnr", "ssim", "l1"} if side == 161 else set())
    for name, function in functions.items():
        torch.testing.assert_close(values[name], function(images, originals))


def test_a_network_is_asked_where_there_is_one():
    images, originals = pair(8)
    assert compare(images, originals, lambda one, two: torch.tensor([1.0, 2.0]))["lpips"].tolist() == [1, 2]
    assert "lpips" not in compare(images, originals, lambda one, two: None), "too small for it"


def test_intervals_are_those_of_scipy():
    """Compare the width for normal values with 2 * 1.96 * deviation / sqrt(n), on 1000 draws."""
    values = torch.from_numpy(np.random.default_rng(1).normal(30, 2, 500))
    low, high = intervals({"psnr": values, "twice": 2 * values})["psnr"]
    settings = {"n_resamples": 4000, "method": "percentile", "vectorized": True}
    expected = scipy.stats.bootstrap((values.numpy(),), np.mean, **settings).confidence_interval
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.02)
    assert high - low == pytest.approx(2 * 1.96 * 2 / 500**0.5, rel=0.1)
    assert intervals({"psnr": values, "twice": 2 * values})["twice"] == pytest.approx([2 * low, 2 * high])


def test_equal_images_leave_no_doubt_and_one_image_tells_nothing():
    assert intervals({"l1": torch.full((7,), 0.25)}) == {"l1": [0.25, 0.25]}
    assert intervals({"l1": torch.tensor([0.25])}) == {}
