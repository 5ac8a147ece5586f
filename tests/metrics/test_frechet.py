"""Frechet distances: answers by hand, torchmetrics as a peer, and what an interval means."""

import pytest
import torch
from torchmetrics.image.fid import _compute_fid

from vqzoo.metrics.frechet import Reference


def test_two_sets_of_one_feature_by_hand():
    """Means 1 and 4, variances 2 and 18: 3^2 + (18^(1/2) - 2^(1/2))^2 = 9 + 8."""
    reference = Reference(torch.tensor([[0.0], [2.0]]))
    assert reference.distance(torch.tensor([[1.0], [7.0]])) == pytest.approx(17, abs=1e-9)


def test_a_set_has_no_distance_from_itself():
    features = torch.randn(100, 32) * 30
    assert Reference(features).distance(features) == pytest.approx(0, abs=1e-3)
    few = torch.randn(10, 32) * 30  # covariances without full rank
    assert Reference(few).distance(few) == pytest.approx(0, abs=1e-2)


def test_torchmetrics_has_the_same_distance():
    one, two = torch.randn(200, 16).double(), 2 * torch.randn(150, 16).double() @ torch.randn(16, 16).double() + 1
    expected = _compute_fid(one.mean(0), one.T.cov(), two.mean(0), two.T.cov()).item()
    assert Reference(one).distance(two) == pytest.approx(expected, rel=1e-6)


def test_the_interval_is_that_of_the_mean_where_only_means_differ():
    """One feature far away: the distance is about (100 + m)^2, with standard deviation 200 times that of the mean."""
    sample = 100 + torch.randn(400, 1).double()
    reference = Reference(torch.randn(400, 1).double())
    low, high = reference.interval(sample, resamples=400)
    assert (low + high) / 2 == pytest.approx(reference.distance(sample))
    assert high - low == pytest.approx(2 * 1.96 * 200 * sample.std().item() / 20, rel=0.15)


def test_an_interval_is_the_same_again_and_never_below_0():
    features = torch.randn(50, 4)
    reference = Reference(features)
    assert reference.interval(features, 10) == reference.interval(features, 10)
    assert reference.interval(features, 10)[0] == 0
