"""Conversion between the bytes of files and screens and the floats in [-1, 1] of networks."""

import torch
from torch import Tensor


def from_bytes(pixels: Tensor) -> Tensor:
    """Convert uint8 in [0, 255] to float32 in [-1, 1]."""
    return pixels.float().div_(127.5).sub_(1)


def to_bytes(images: Tensor) -> Tensor:
    """Convert floats in [-1, 1] to uint8, clamped and rounded; truncation would cost up to 0.2 dB."""
    return images.float().clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)
