"""Convert images in any common form to the batch that a network takes."""

import os
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vqzoo.ops.pixels import from_bytes

Pictures: TypeAlias = Tensor | np.ndarray | Image.Image | Sequence[Image.Image]
"""The forms of images that `as_images` accepts."""

_DEEP_MODES = ("I", "F")  # first letters of the Pillow modes that hold more than 8 bits


def as_images(pictures: Pictures, channels: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return images as one batch (b, channels, H, W) in [-1, 1] on a device and in a floating-point type.

    `pictures` may be any of:

    - a tensor (b, channels, H, W), floating point in [-1, 1] or uint8 in [0, 255];
    - a NumPy array (H, W, channels) or (b, H, W, channels), uint8;
    - a Pillow image or a list of Pillow images of one size. Pixels are taken as stored, without rotation by EXIF
      orientation; transparency is composited on white; the result is RGB or, for one channel, grey.

    A tensor that already has the device and type is returned unchanged. Raises ValueError for anything else; the
    message says what would be right.
    """
    if isinstance(pictures, Image.Image):
        pictures = [pictures]
    if isinstance(pictures, (list, tuple)):
        pictures = _stack(pictures, channels)
    if isinstance(pictures, np.ndarray):
        pictures = _channels_first(pictures, channels)
    if not isinstance(pictures, Tensor):
        fix = "; a file as PIL.Image.open(file)" if isinstance(pictures, (str, os.PathLike)) else ""
        kind = type(pictures).__name__
        raise ValueError(f"images of type {kind}: expected a tensor, a NumPy array uint8 or pictures of Pillow's{fix}")
    _check(pictures, channels)
    if pictures.dtype == torch.uint8:
        pictures = from_bytes(pictures.to(device))
    return pictures.to(device, dtype)


def _check(images: Tensor, channels: int) -> None:
    fix = None
    if images.dtype != torch.uint8 and not images.is_floating_point():
        fix = "integers from 0 to 255 as .to(torch.uint8)"
    elif images.ndim == 3:
        fix = "one image as images[None]"
    elif images.ndim == 4 and images.shape[1] != channels and images.shape[3] == channels:
        fix = "channels in front with .permute(0, 3, 1, 2)"
    elif images.ndim == 4 and images.shape[1] == channels:
        if images.numel():
            return
        fix = "at least one image, of at least one pixel"
    raise ValueError(
        f"images of shape {tuple(images.shape)} and type {images.dtype}: expected floating point in [-1, 1], or uint8, "
        f"of shape (batch, {channels}, height, width){f'; {fix}' if fix else ''}"
    )


def _channels_first(array: np.ndarray, channels: int) -> Tensor:
    """Convert uint8 (h, w, c) or (b, h, w, c) to (b, c, h, w)."""
    if array.dtype != np.uint8 or array.ndim not in (3, 4) or array.shape[-1] != channels:
        front = array.ndim in (3, 4) and array.shape[-3] == channels
        fix = "; floating point in [-1, 1] is taken as a tensor, channels in front" if array.dtype.kind == "f" else ""
        fix = "; channels come last, unlike a tensor's" if front and not fix else fix
        raise ValueError(
            f"images of shape {array.shape} and type {array.dtype}: expected a NumPy array uint8 of shape "
            f"(height, width, {channels}) or (batch, height, width, {channels}){fix}"
        )
    # Copied, because torch cannot share read-only memory or memory with negative strides.
    batch = torch.tensor(np.ascontiguousarray(array if array.ndim == 4 else array[None]))
    return batch.permute(0, 3, 1, 2).contiguous()


def _stack(pictures: Sequence[Image.Image], channels: int) -> np.ndarray:
    """Return Pillow images of one size as uint8 (b, h, w, c)."""
    for picture in pictures:
        if not isinstance(picture, Image.Image):
            raise ValueError(
                f"images: a list with {type(picture).__name__}: expected pictures of Pillow's alone; "
                "tensors as torch.stack(images), arrays as numpy.stack(images)"
            )
    sizes = list(dict.fromkeys(picture.size for picture in pictures))
    if len(sizes) != 1:
        shown = " and ".join(f"{width} x {height}" for width, height in sizes[:2])
        raise ValueError(
            f"images: {len(pictures)} pictures of different sizes ({shown}): expected one size; resize them, or pass "
            "one at a time"
            if sizes
            else "images: an empty list: expected at least one picture"
        )
    return np.stack([_pixels(picture, channels) for picture in pictures])


def _pixels(picture: Image.Image, channels: int) -> np.ndarray:
    """Return a Pillow image as uint8 (h, w, c)."""
    if picture.mode.startswith(_DEEP_MODES):
        raise ValueError(
            f"images: a picture of mode {picture.mode!r} has more than 8 bits a channel, which Pillow cuts off: "
            "expected 8 bits; scale its values to 0 to 255 first"
        )
    if picture.has_transparency_data:
        alpha = picture.convert("RGBA")
        picture = Image.composite(alpha.convert("RGB"), Image.new("RGB", alpha.size, "white"), alpha.getchannel("A"))
    pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    return pixels.reshape(*pixels.shape[:2], channels)
