"""Whatever a user holds pictures in, as the batch that a network takes."""

import os
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vqzoo.ops.pixels import from_bytes

Pictures: TypeAlias = Tensor | np.ndarray | Image.Image | Sequence[Image.Image]
"""What `as_images` takes."""

_DEEP = ("I", "F")  # how the names of Pillow's modes of more than 8 bits begin


def as_images(pictures: Pictures, channels: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Images (b, channels, H, W) in [-1, 1] on a device and of a floating type, from any of

    - a tensor (b, channels, H, W) of a floating type in [-1, 1], or uint8 in [0, 255];
    - a NumPy array uint8 (H, W, channels) or (b, H, W, channels);
    - a picture of Pillow's, or a list of them that have one size: the stored pixels, which an EXIF orientation does not
      turn, with transparency composited on white, as RGB or, for one channel, grey.

    A tensor of the device and type is returned as it is. Raises ValueError, a sentence with what would be right.
    """
    if isinstance(pictures, Image.Image):
        pictures = [pictures]
    if isinstance(pictures, (list, tuple)):
        pictures = _stacked(pictures, channels)
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
    """uint8 (h, w, c) or (b, h, w, c) -> (b, c, h, w)."""
    if array.dtype != np.uint8 or array.ndim not in (3, 4) or array.shape[-1] != channels:
        front = array.ndim in (3, 4) and array.shape[-3] == channels
        fix = "; floating point in [-1, 1] is taken as a tensor, channels in front" if array.dtype.kind == "f" else ""
        fix = "; channels come last, unlike a tensor's" if front and not fix else fix
        raise ValueError(
            f"images of shape {array.shape} and type {array.dtype}: expected a NumPy array uint8 of shape "
            f"(height, width, {channels}) or (batch, height, width, {channels}){fix}"
        )
    # A copy: torch shares no memory that may not be written to, or that is read backwards.
    batch = torch.tensor(np.ascontiguousarray(array if array.ndim == 4 else array[None]))
    return batch.permute(0, 3, 1, 2).contiguous()


def _stacked(pictures: Sequence[Image.Image], channels: int) -> np.ndarray:
    """(b, h, w, c) uint8."""
    for picture in pictures:
        if not isinstance(picture, Image.Image):
            raise ValueError(
                f"images: a list with {type(picture).__name__}: expected pictures of Pillow's alone; "
                "tensors as torch.stack(images), arrays as numpy.stack(images)"
            )
    sizes = list(dict.fromkeys(picture.size for picture in pictures))
    if len(sizes) != 1:
        said = " and ".join(f"{width} x {height}" for width, height in sizes[:2])
        raise ValueError(
            f"images: {len(pictures)} pictures of different sizes ({said}): expected one size; resize them, or take "
            "one at a time"
            if sizes
            else "images: an empty list: expected at least one picture"
        )
    return np.stack([_pixels(picture, channels) for picture in pictures])


def _pixels(picture: Image.Image, channels: int) -> np.ndarray:
    """(h, w, c) uint8."""
    if picture.mode.startswith(_DEEP):
        raise ValueError(
            f"images: a picture of mode {picture.mode!r} has more than 8 bits a channel, which Pillow cuts off: "
            "expected 8 bits; scale its values to 0 to 255 first"
        )
    if picture.has_transparency_data:
        alpha = picture.convert("RGBA")
        picture = Image.composite(alpha.convert("RGB"), Image.new("RGB", alpha.size, "white"), alpha.getchannel("A"))
    pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    return pixels.reshape(*pixels.shape[:2], channels)
