"""Frechet distances of features from those of a reference set, with bootstrap intervals."""

import torch
from torch import Tensor

RESAMPLES = 100
_SIGMAS = 1.96
"""Half the width of a 95 % interval of a normal distribution, in standard deviations."""


class Reference:
    """The features of a reference set, from which distances of other sets are measured.

    The distance is |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)) for the means and the unbiased covariances of both sets, in
    float64, as in `vqzoo.metrics.fid.Fid`.
    """

    def __init__(self, features: Tensor):
        """Set up the reference, features (n, d) of at least two images."""
        self.mean, self.covariance = _moments(features)
        values, vectors = torch.linalg.eigh(self.covariance)
        self._root = vectors * values.clamp(min=0).sqrt() @ vectors.T

    def distance(self, features: Tensor) -> float:
        """Return the distance of features (n, d) of at least two images from the reference; 0 for equal sets."""
        mean, covariance = _moments(features)
        # (C C')^(1/2) has the same trace as the root of the symmetric C^(1/2) C' C^(1/2).
        between = torch.linalg.eigvalsh(self._root @ covariance @ self._root).clamp(min=0).sqrt().sum()
        spread = self.covariance.trace() + covariance.trace() - 2 * between
        distance = (mean - self.mean).square().sum() + spread
        return max(0.0, float(distance))

    def interval(self, features: Tensor, resamples: int = RESAMPLES) -> tuple[float, float]:
        """Return a 95 % interval of the distance: 1.96 standard deviations of `resamples` bootstrap sets on each side.

        The seed is fixed. Quantiles of these sets would not do: a set drawn with replacement has fewer different
        images, so that its distance is too large.
        """
        generator = torch.Generator().manual_seed(0)
        distances = []
        for _ in range(resamples):
            rows = torch.randint(len(features), (len(features),), generator=generator)
            distances.append(self.distance(features[rows.to(features.device)]))
        distance, margin = self.distance(features), _SIGMAS * torch.tensor(distances).std().item()
        return max(0.0, distance - margin), distance + margin


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean (d,) and the unbiased covariance (d, d) of features (n, d), in float64."""
    assert len(features) > 1
    features = features.double()
    mean = features.mean(0)
    centred = features - mean
    return mean, centred.T @ centred / (len(features) - 1)
