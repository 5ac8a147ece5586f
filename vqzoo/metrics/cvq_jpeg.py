"""Protocol "cvq-jpeg": how the tables of CVQ-VAE (arXiv:2307.15139) and LooC (arXiv:2601.00222) were measured.

Reconstructions and originals are clamped, truncated to bytes instead of rounded, repeated to three channels if grey,
and saved as JPEG of quality 75 with Pillow's default subsampling. Then L1 and PSNR of values in [0, 1], SSIM with a
uniform window of 11 pixels and LPIPS at the images' own size are computed per image and averaged. The papers use LPIPS
with VGG, and resize images to 229 x 229 for the Inception network of rFID.

JPEG changes reconstructions and originals alike, so numbers of this protocol compare with those tables only.
"""

import io
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vqzoo.metrics.blur import blur
from vqzoo.metrics.fid import Extractor, Fid
from vqzoo.metrics.fidelity import l1, psnr
from vqzoo.metrics.perceptual import Perceptual

CVQ_JPEG = "cvq-jpeg"
QUALITY = 75
WINDOW = 11
_FID_SIDE = 229


def cut_off(images: Tensor) -> Tensor:
    """Convert floats in [-1, 1] to uint8 as the papers' code does: clamped and truncated."""
    return (((images.float() + 1) / 2).clamp(0, 1) * 255).to(torch.uint8)


def cut_off_originals(originals: Tensor) -> Tensor:
    """Normalize uint8 to [-1, 1] and back as the papers' code does, which lowers some bytes by one."""
    return cut_off((originals.float() / 255 - 0.5) / 0.5)


def through_jpeg(images: Tensor) -> Tensor:
    """Write uint8 (b, 1 or 3, h, w) as JPEG files and read them again: uint8 (b, 3, h, w)."""
    pictures = images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).cpu().numpy()
    read = torch.stack([_jpeg(picture) for picture in pictures])
    return read.permute(0, 3, 1, 2).to(images.device)


def ssim_uniform(images: Tensor, originals: Tensor) -> Tensor:
    """Return the (b,) structural similarity of uint8 images (b, c, h, w), computed as scikit-image does; 1 is equal.

    Uniform window of 11 pixels, unbiased variances, data range 1, only windows that lie within the image. Raises
    ValueError for sides under 11 pixels.
    """
    if min(images.shape[2:]) < WINDOW:
        raise ValueError(f"images of {tuple(images.shape[2:])} pixels: this SSIM needs sides of at least {WINDOW}")
    x, y = images.double() / 255, originals.double() / 255
    weights, border = torch.full((WINDOW,), 1 / WINDOW, dtype=torch.float64), WINDOW // 2
    mean_x, mean_y, xx, yy, xy = blur(torch.stack([x, y, x * x, y * y, x * y]), weights)[
        ..., border:-border, border:-border
    ]
    pixels = WINDOW**2
    unbiased = pixels / (pixels - 1)
    var_x, var_y = unbiased * (xx - mean_x**2), unbiased * (yy - mean_y**2)
    covariance = unbiased * (xy - mean_x * mean_y)
    c1, c2 = 0.01**2, 0.03**2
    alike = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    scale = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return torch.mean(alike / scale, (1, 2, 3)).float()


class CvqJpeg:
    """Metrics of protocol "cvq-jpeg" over batches; `analysis.measurements.Measurements` has those of "lossless"."""

    def __init__(self, perceptual: Perceptual | None = None, inception: Extractor | None = None):
        self.perceptual = perceptual
        self.fid = None if inception is None else Fid(inception)
        self.sums: dict[str, float] = {}
        self.count = 0

    @torch.inference_mode()
    def add(self, restored: Tensor, originals: Tensor) -> None:
        """Add a batch of restored float images in [-1, 1] and uint8 originals, both (b, 1 or 3, h, w)."""
        ours, theirs = through_jpeg(cut_off(restored)), through_jpeg(cut_off_originals(originals))
        values = {"l1": l1(ours, theirs), "psnr": psnr(ours, theirs), "ssim": ssim_uniform(ours, theirs)}
        if self.perceptual is not None and (distance := self.perceptual(ours, theirs)) is not None:
            values["lpips"] = distance
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.double().sum().item()
        if self.fid is not None:
            self.fid.update(_resized(ours), _resized(theirs))
        self.count += len(originals)

    def metrics(self) -> dict[str, Any]:
        """Return means over images.

        lpips and lpips_network are None without a network or below its minimum side, rfid is None without Inception.
        Raises ValueError if nothing was added.
        """
        if not self.count:
            raise ValueError("images: the set is empty; expected at least one image")
        means = {name: value / self.count for name, value in self.sums.items()}
        return {
            "protocol": CVQ_JPEG,
            "num_images": self.count,
            **{name: means.get(name) for name in ("l1", "psnr", "ssim", "lpips")},
            "lpips_network": self.perceptual.name if self.perceptual is not None and "lpips" in means else None,
            "rfid": None if self.fid is None else self.fid.compute(),
        }


def _jpeg(pixels: np.ndarray) -> Tensor:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    with Image.open(file) as picture:
        return _tensor(picture)


def _tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture.convert("RGB")))


def _resized(images: Tensor) -> Tensor:
    pictures = [Image.fromarray(image.permute(1, 2, 0).cpu().numpy()) for image in images]
    small = [_tensor(picture.resize((_FID_SIDE, _FID_SIDE), Image.Resampling.BILINEAR)) for picture in pictures]
    return torch.stack(small).permute(0, 3, 1, 2).to(images.device)
