"""Frechet distances between features of originals and of reconstructions (Heusel et al., 2017, arXiv:1706.08500)."""

import hashlib
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.hub import get_dir, load_state_dict_from_url

from vqzoo.metrics.perceptual import MINIMUM_SIDE
from vqzoo.metrics.squeezenet import WEIGHTS_VARIABLE, squeezenet, squeezenet_weights

if TYPE_CHECKING:
    from torchmetrics.image.fid import FrechetInceptionDistance  # takes seconds to import; a single image has no FID

_INCEPTION_URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
)
# Names of that file in torch-fidelity and in pytorch-fid; both end with the first digits of its SHA-256.
_INCEPTION_FILES = ("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth")


class Extractor(nn.Module):
    """Features of images: uint8 (b, 3, h, w) -> (b, num_features) floating point."""

    metric: str
    """Name of the metric that uses these features; distances of different features cannot be compared."""
    num_features: int
    minimum_side: int = 1
    """Shortest side, in pixels, of images that the extractor accepts."""


class InceptionFeatures(Extractor):
    """`rfid`: the 2048 pooled features of TensorFlow's Inception network of 2015, which papers use for FID.

    Images of any size are resized to 299 x 299 as TensorFlow 1 did (bilinear, no antialiasing).
    """

    metric = "rfid"
    num_features = 2048

    def __init__(self, weights: Path):
        super().__init__()
        from torchmetrics.image.fid import NoTrainInceptionV3

        self.network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(weights), antialias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return features (b, 2048) of uint8 images (b, 3, h, w)."""
        features: Tensor = self.network(images)
        return features


class SqueezeFeatures(Extractor):
    """`rfid_squeeze`: SqueezeNet 1.1's last feature map before the classifier (512 channels), averaged over positions.

    Images are not resized, so distances on data sets of different resolution cannot be compared. Bytes are divided by
    255, then normalized with torchvision's means (0.485, 0.456, 0.406) and standard deviations (0.229, 0.224, 0.225).
    Features are not bounded: they reach hundreds, and distances of 32 x 32 images reach thousands.
    """

    metric = "rfid_squeeze"
    num_features = 512
    minimum_side = MINIMUM_SIDE
    mean: Tensor
    deviation: Tensor

    def __init__(self, weights: dict[str, Tensor]):
        super().__init__()
        self.network = squeezenet(weights)
        self.requires_grad_(False).eval()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return features (b, 512) of uint8 images (b, 3, h, w)."""
        return torch.mean(self.network((images / 255 - self.mean) / self.deviation), (2, 3))


class Fid:
    """Frechet distance between originals and reconstructions, accumulated over batches.

    |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)) for the means m and the unbiased covariances C of the two sets of features,
    in float64, computed by torchmetrics. FID falls as the number of images grows. This dependence is strongest if there
    are no more images than features, as covariances are then rank-deficient: report the number of images, and compare
    with distances on the same images only.
    """

    def __init__(self, extractor: Extractor):
        self._extractor = extractor
        self._metric: FrechetInceptionDistance | None = None

    @torch.no_grad()
    def update(self, images: Tensor, originals: Tensor) -> None:
        """Add reconstructions and originals, uint8 (b, 1 or 3, h, w); grey images are repeated to three channels."""
        if min(images.shape[2:]) < self._extractor.minimum_side:
            return
        if self._metric is None:
            from torchmetrics.image.fid import FrechetInceptionDistance

            # Only one process measures; with synchronization torchmetrics would wait for the other ones.
            self._metric = FrechetInceptionDistance(self._extractor, sync_on_compute=False).to(images.device)
        for real, pictures in ((False, images), (True, originals)):
            self._metric.update(pictures.expand(-1, 3, -1, -1), real=real)

    def compute(self) -> float | None:
        """Return the distance, 0 for equal sets; None for fewer than two images or images below `minimum_side`."""
        metric = self._metric
        if metric is None or metric.real_features_num_samples < 2:
            return None
        return max(0.0, metric.compute().item())  # rounding errors can make it negative for equal sets


def extractors() -> list[Extractor]:
    """Return SqueezeNet, and Inception if its weights and torch-fidelity are on this machine; nothing is downloaded.

    Inception's weights are read from the folder in the environment variable VQZOO_WEIGHTS or else from the cache of
    torch.hub, which `python -m vqzoo.metrics inception` fills. Raises ValueError if that file holds other weights.
    """
    available: list[Extractor] = [SqueezeFeatures(squeezenet_weights())]
    if (path := _find_inception()) is not None and importlib.util.find_spec("torch_fidelity") is not None:
        _check_inception(path)
        available.insert(0, InceptionFeatures(path))
    return available


def fetch_inception() -> None:
    """Download Inception's weights from torch-fidelity's releases into the cache of torch.hub, checksum verified.

    Raises URLError if the server cannot be reached.
    """
    load_state_dict_from_url(_INCEPTION_URL, map_location="cpu", check_hash=True, weights_only=True)


def _find_inception() -> Path | None:
    own = os.environ.get(WEIGHTS_VARIABLE)
    folders = ([Path(own)] if own else []) + [Path(get_dir(), "checkpoints")]
    paths = [folder / name for folder in folders for name in _INCEPTION_FILES]
    return next((path for path in paths if path.is_file()), None)


def _check_inception(path: Path) -> None:
    """Raise ValueError for another file: torch-fidelity would unpickle it, and other weights give another metric."""
    expected = path.stem.rpartition("-")[2]
    if not hashlib.sha256(path.read_bytes()).hexdigest().startswith(expected):
        raise ValueError(
            f"{path}: not the Inception of 2015 (its SHA-256 does not begin with {expected}); delete it and run "
            "python -m vqzoo.metrics inception"
        )
