"""Metrics that compare pixels of reconstructions and originals: two uint8 (b, c, h, w) in, (b,) float32 out."""

import torch
import torch.nn.functional as F
from torch import Tensor

from vqzoo.metrics.blur import blur, gaussian

PSNR_CAP = 100.0
"""PSNR in dB of two equal images, whose true value is infinite."""
_C1, _C2 = 0.01**2, 0.03**2
"""Constants of SSIM that prevent 0 / 0, for a data range of 1 (Wang et al., 2004, section III-B)."""
_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of MS-SSIM's scales, finest first."""


def l1(images: Tensor, originals: Tensor) -> Tensor:
    """Mean absolute difference of values in [0, 1]; 0 is equal."""
    return _difference(images, originals).abs().mean((1, 2, 3))


def psnr(images: Tensor, originals: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of each image, peak 1; at most 100, that of equal images."""
    mse = _difference(images, originals).square().mean((1, 2, 3))
    return torch.clamp(-10 * torch.log10(mse), max=PSNR_CAP)


def structure(images: Tensor, originals: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maps (b, c, h, w) that SSIM multiplies: luminance, then contrast and structure; see `ssim`."""
    _check(images, originals)
    if min(images.shape[2:]) < 6:
        raise ValueError(f"images of {tuple(images.shape[2:])} pixels: SSIM needs sides of at least 6")
    return _structure(torch.stack([images, originals]) / 255)


def ssim(images: Tensor, originals: Tensor, maps: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Structural similarity (Wang et al., 2004): Gaussian window of 11 pixels, sigma 1.5, data range 1; 1 is equal.

    The border is padded by reflection and every pixel counts; scikit-image leaves the outermost five out. `maps` are
    those of `structure`, if they are known.

    Raises ValueError for images with a side under 6 pixels, which the window's reflection cannot pad.
    """
    luminance, contrast = maps or structure(images, originals)
    return (luminance * contrast).mean((1, 2, 3))


def ms_ssim(images: Tensor, originals: Tensor, maps: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Structural similarity at five scales (Wang, Simoncelli and Bovik, 2003), window as in `ssim`; 1 is equal.

    Each scale has the means of 2 x 2 pixels of the one before, the last row and column of odd sides alone included. At
    the finer scales only windows within the image count, at the coarsest one every pixel as in `ssim`; negative means
    are 0. torchmetrics agrees where sides are multiples of 16. `maps` are those of `structure`, if they are known.

    Raises ValueError for images with a side under 161 pixels, whose coarsest scale is smaller than the window.
    """
    _check(images, originals)
    if min(images.shape[2:]) < 161:
        raise ValueError(f"images of {tuple(images.shape[2:])} pixels: MS-SSIM needs sides of at least 161")
    pair = torch.stack([images, originals]) / 255
    luminance, contrast = maps or _structure(pair)
    value = torch.ones(len(images), device=images.device)
    for weight in _SCALES[:-1]:
        value = value * _mean(contrast[..., 5:-5, 5:-5]) ** weight
        pair = F.avg_pool2d(pair.flatten(0, 1), 2, ceil_mode=True).unflatten(0, (2, -1))
        luminance, contrast = _structure(pair)
    return value * _mean(luminance * contrast) ** _SCALES[-1]


def _mean(alike: Tensor) -> Tensor:
    return alike.mean((1, 2, 3)).clamp(min=0)


def _structure(pair: Tensor) -> tuple[Tensor, Tensor]:
    """Return SSIM's luminance, then its contrast and structure, at every pixel of two images (2, b, c, h, w)."""
    # In place where it can be: fresh memory costs more than the arithmetic on it.
    maps = torch.empty(4, *pair.shape[1:], device=pair.device)
    maps[:2] = pair
    x, y, squares, product = maps
    torch.mul(x, x, out=squares).addcmul_(y, y)
    torch.mul(x, y, out=product)
    mean_x, mean_y, squares, product = blur(maps, gaussian(11, 1.5))
    means = mean_x.square().addcmul_(mean_y, mean_y)
    mean_product = mean_x.mul_(mean_y)
    variances = squares.sub_(means).clamp_(min=0)
    covariance = product.sub_(mean_product)
    luminance = mean_product.mul_(2).add_(_C1).div_(means.add_(_C1))
    return luminance, covariance.mul_(2).add_(_C2).div_(variances.add_(_C2))


def _difference(images: Tensor, originals: Tensor) -> Tensor:
    _check(images, originals)
    return (images.float() - originals.float()) / 255


def _check(images: Tensor, originals: Tensor) -> None:
    if images.shape != originals.shape or images.ndim != 4 or {images.dtype, originals.dtype} != {torch.uint8}:
        raise ValueError(
            f"images {tuple(images.shape)} {images.dtype} and originals {tuple(originals.shape)} {originals.dtype}: "
            "expected two uint8 tensors of one shape (batch, channels, height, width)"
        )
