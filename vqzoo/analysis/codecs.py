"""JPEG, WebP and AVIF at a given number of bits, as pseudo-models beside the tokenizers."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vqzoo.analysis.formats import CODECS, available
from vqzoo.analysis.measurements import Measurements, batches
from vqzoo.metrics.fid import Extractor
from vqzoo.metrics.perceptual import Perceptual
from vqzoo.ops.check import check_choice


@dataclass(frozen=True, eq=False)
class Coded:
    """An image coded by a codec.

    image: the decoded file, in the shape of the original. file: all bytes, headers included. quality: 0..100.
    settings: the codec's variant. met: False if even the lowest quality, which this is then, exceeds the bits.
    """

    image: Tensor
    file: bytes
    quality: int
    settings: dict[str, Any]
    met: bool

    @property
    def bits(self) -> int:
        """True bits: the size of the file."""
        return 8 * len(self.file)


def compress(codec: str, image: Tensor, bits: float) -> Coded:
    """Code a uint8 image (3 or 1, h, w) as well as `codec` can in at most `bits`, headers included.

    Bisection finds the highest quality that fits for each variant of the codec (it assumes that files grow with
    quality); the variant with the least squared error is returned. Raises ValueError for a codec that is unknown or
    that this build of Pillow lacks.
    """
    row = CODECS[check_choice("codec", codec, CODECS)]
    if not row.available:
        raise ValueError(f"codec={codec!r}: this build of Pillow lacks it; available: {', '.join(available())}")
    files = [(settings, *_highest(partial(encode, codec, image, settings), bits / 8)) for settings in row.variants]
    met = any(fits for *_, fits in files)
    candidates = [
        Coded(decode(file, image), file, quality, settings, met)
        for settings, quality, file, fits in files
        if fits == met
    ]
    if not met:
        return min(candidates, key=lambda coded: coded.bits)
    return min(candidates, key=lambda coded: (coded.image.float() - image.float()).square().sum().item())


def encode(codec: str, image: Tensor, settings: dict[str, Any], quality: int) -> bytes:
    """Encode a uint8 image (3 or 1, h, w) as a file of `codec`."""
    if image.ndim != 3 or len(image) not in (1, 3) or image.dtype != torch.uint8:
        raise ValueError(f"image {tuple(image.shape)} {image.dtype}: expected uint8 of shape (3 or 1, height, width)")
    pixels = image.permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    picture = Image.fromarray(pixels[..., 0] if len(image) == 1 else pixels)
    picture.save(file, CODECS[codec].format, quality=quality, **settings)
    return file.getvalue()


def decode(file: bytes, like: Tensor) -> Tensor:
    """Decode a file to uint8 in the shape of `like` (3 or 1, h, w)."""
    with Image.open(io.BytesIO(file)) as picture:
        pixels = np.array(picture.convert("L" if len(like) == 1 else "RGB"))
    return torch.from_numpy(pixels).view(*like.shape[1:], len(like)).permute(2, 0, 1)


def evaluate_codec(
    codec: str, images: Tensor, bits: float, perceptual: Perceptual | None = None, extractors: Sequence[Extractor] = ()
) -> dict[str, Any]:
    """Code uint8 images (n, c, h, w), each in at most `bits`, and measure them as `analysis.evaluation.evaluate` does.

    Returns the same metrics except those of codebooks, and also the mean quality and the share of images that met the
    bits. Raises ValueError as `compress` does, and for an empty set.
    """
    measurements = Measurements(images.device, perceptual, extractors)
    quality = met = 0
    for batch in batches(images):
        coded = [compress(codec, image, bits) for image in batch.cpu()]
        restored = torch.stack([each.image for each in coded]).to(batch.device)
        spent = torch.tensor([each.bits for each in coded], dtype=torch.float64, device=batch.device)
        measurements.add(restored, batch, spent)
        quality += sum(each.quality for each in coded)
        met += sum(each.met for each in coded)
    return {**measurements.metrics(), "quality": quality / len(images), "met": met / len(images)}


def _highest(encode: Callable[[int], bytes], size: float) -> tuple[int, bytes, bool]:
    """Return (quality, file, True) for the highest quality of at most `size` bytes; (0, file, False) if none fits."""
    best = encode(0)
    if len(best) > size:
        return 0, best, False
    low, high = 0, 101
    while high - low > 1:
        middle = (low + high) // 2
        file = encode(middle)
        if len(file) <= size:
            low, best = middle, file
        else:
            high = middle
    return low, best, True
