"""Augmentation of training images: random crop or random resized crop, and horizontal flip."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional

from trainers.data.draws import uniforms

_TRIES = 10
_RATIO = (3 / 4, 4 / 3)


@dataclass(frozen=True)
class Augment:
    """Random crop and flip, drawn from (seed, epoch, index of the image) alone.

    An image gets the same crop in whatever batch, process, worker or step it is.

    `scale` other than (1, 1): a random resized crop as torchvision's RandomResizedCrop takes it. `scale` is the range
    of the share of the area, aspect ratios are log-uniform in [3/4, 4/3], and the whole image is used where none of ten
    tries fits; bilinear, with antialiasing. Otherwise, `side` less than `resolution`: a crop of `side` x `side` pixels
    at a random position. `flip`: half of the images are mirrored, left to right.
    """

    side: int
    resolution: int
    scale: tuple[float, float] = (1.0, 1.0)
    flip: bool = False
    seed: int = 0

    def __call__(self, images: Tensor, epochs: Tensor, indices: Tensor) -> Tensor:
        """Return (b, c, side, side) uint8 from (b, c, resolution, resolution) uint8, on the images' device.

        Resized crops on a GPU and on a CPU may differ by one unit, because they round differently.
        """
        if self._whole and not self.flip:
            return images
        draws = uniforms(self.seed, epochs.numpy(), indices.numpy(), num=3 + 2 * _TRIES)
        if not self._whole:
            boxes = torch.from_numpy(self._boxes(draws))
            images = self._cropped(images, boxes) if self._resizes else _cut(images, boxes[:, :2], self.side)
        if self.flip:
            mirrored = torch.from_numpy(draws[:, 0] < 0.5).to(images.device)
            images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
        return images

    def boxes(self, epochs: Tensor, indices: Tensor) -> np.ndarray:
        """Return the crops as (b, 4) int64: top, left, height, width."""
        return self._boxes(uniforms(self.seed, epochs.numpy(), indices.numpy(), num=3 + 2 * _TRIES))

    @property
    def _resizes(self) -> bool:
        return tuple(self.scale) != (1, 1)

    @property
    def _whole(self) -> bool:
        return not self._resizes and self.side == self.resolution

    def _boxes(self, draws: np.ndarray) -> np.ndarray:
        if self._resizes:
            low, high = self.scale
            areas = self.resolution**2 * (low + (high - low) * draws[:, 3::2])
            ratios = np.exp(math.log(_RATIO[0]) + math.log(_RATIO[1] / _RATIO[0]) * draws[:, 4::2])
            sizes = np.rint(np.sqrt(np.stack([areas / ratios, areas * ratios], -1)))  # (b, tries, height and width)
            fits = np.all((sizes > 0) & (sizes <= self.resolution), axis=-1)
            first = sizes[np.arange(len(sizes)), fits.argmax(1)]
            size = np.where(np.any(fits, axis=1, keepdims=True), first, self.resolution)
        else:
            size = np.full((len(draws), 2), self.side)
        return np.concatenate([np.floor(draws[:, 1:3] * (self.resolution - size + 1)), size], 1).astype(np.int64)

    def _cropped(self, images: Tensor, boxes: Tensor) -> Tensor:
        size = [self.side, self.side]
        crops = [
            functional.resized_crop(image, *box, size, antialias=True)
            for image, box in zip(images, boxes.tolist(), strict=True)
        ]
        return torch.stack(crops)


def _cut(images: Tensor, corners: Tensor, side: int) -> Tensor:
    """Return squares of side `side`, each cut at its own (top, left)."""
    rows, columns = (corners[:, :, None] + torch.arange(side)).to(images.device).unbind(1)
    images_index = torch.arange(len(images), device=images.device)[:, None, None]
    # PyTorch puts indexed dimensions first where a slice separates them: the result is (b, side, side, c).
    return images[images_index, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()
