"""How near a reconstruction is, pixel by pixel. Both images uint8 (b, c, h, w); results (b,) float32."""

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

PSNR_CAP = 100.0
"""PSNR in dB of two equal images, whose true value is infinite."""


def l1(images: Tensor, originals: Tensor) -> Tensor:
    """Mean absolute difference of values in [0, 1]; 0 is equal."""
    return _difference(images, originals).abs().mean((1, 2, 3))


def psnr(images: Tensor, originals: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of each image, peak 1, at most `PSNR_CAP`."""
    mse = _difference(images, originals).square().mean((1, 2, 3))
    return torch.clamp(-10 * torch.log10(mse), max=PSNR_CAP)


def ssim(images: Tensor, originals: Tensor) -> Tensor:
    """Structural similarity (Wang et al., 2004): Gaussian window of 11 pixels, sigma 1.5, data range 1; 1 is equal.

    The border is padded by reflection and every pixel counts; scikit-image leaves the outermost five out.

    Raises ValueError for images with a side under 6 pixels, which the window's reflection cannot pad.
    """
    _check(images, originals)
    if min(images.shape[2:]) < 6:
        raise ValueError(f"images of {tuple(images.shape[2:])} pixels: SSIM needs sides of at least 6")
    result = structural_similarity_index_measure(
        images / 255, originals / 255, sigma=1.5, kernel_size=11, data_range=1.0, reduction="none"
    )
    assert isinstance(result, Tensor)
    return result.view(-1)


def _difference(images: Tensor, originals: Tensor) -> Tensor:
    _check(images, originals)
    return (images.float() - originals.float()) / 255


def _check(images: Tensor, originals: Tensor) -> None:
    if images.shape != originals.shape or images.ndim != 4 or {images.dtype, originals.dtype} != {torch.uint8}:
        raise ValueError(
            f"images {tuple(images.shape)} {images.dtype} and originals {tuple(originals.shape)} {originals.dtype}: "
            "expected two uint8 tensors of one shape (batch, channels, height, width)"
        )
