"""What everyday image codecs do with the same number of bits: JPEG, WebP and AVIF as pseudo-models."""

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
    """image: what the file decodes to, of the shape that went in; file: all of it, headers included; quality: 0..100;
    settings: the variant; met: False where even the lowest quality takes more than the bits asked for, and is what this
    is."""

    image: Tensor
    file: bytes
    quality: int
    settings: dict[str, Any]
    met: bool

    @property
    def bits(self) -> int:
        """True bits: eight for each byte of the file."""
        return 8 * len(self.file)


def compress(codec: str, image: Tensor, bits: float) -> Coded:
    """The best picture of uint8 (3 or 1, h, w) that `codec` makes of at most `bits`, headers counted.

    Of each variant the highest quality that fits, found by bisection (where a file shrinks as quality grows, a still
    higher one that would fit is missed); of the variants the one with the least squared error. Raises ValueError for an
    unknown codec and for one that this build of Pillow lacks.
    """
    row = CODECS[check_choice("codec", codec, CODECS)]
    if not row.available:
        raise ValueError(f"codec={codec!r}: this build of Pillow has none; known here: {', '.join(available())}")
    found = [(settings, *_highest(partial(encode, codec, image, settings), bits / 8)) for settings in row.variants]
    met = any(fits for *_, fits in found)
    candidates = [
        Coded(decode(file, image), file, quality, settings, met)
        for settings, quality, file, fits in found
        if fits == met
    ]
    if not met:
        return min(candidates, key=lambda coded: coded.bits)
    return min(candidates, key=lambda coded: (coded.image.float() - image.float()).square().sum().item())


def encode(codec: str, image: Tensor, settings: dict[str, Any], quality: int) -> bytes:
    """The file that `codec` makes of uint8 (3 or 1, h, w)."""
    if image.ndim != 3 or len(image) not in (1, 3) or image.dtype != torch.uint8:
        raise ValueError(f"image {tuple(image.shape)} {image.dtype}: expected uint8 of shape (3 or 1, height, width)")
    pixels = image.permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    picture = Image.fromarray(pixels[..., 0] if len(image) == 1 else pixels)
    picture.save(file, CODECS[codec].format, quality=quality, **settings)
    return file.getvalue()


def decode(file: bytes, like: Tensor) -> Tensor:
    """The picture in a file as uint8 of the shape of `like` (3 or 1, h, w)."""
    with Image.open(io.BytesIO(file)) as picture:
        pixels = np.array(picture.convert("L" if len(like) == 1 else "RGB"))
    return torch.from_numpy(pixels).view(*like.shape[1:], len(like)).permute(2, 0, 1)


def evaluate_codec(
    codec: str, images: Tensor, bits: float, perceptual: Perceptual | None = None, extractors: Sequence[Extractor] = ()
) -> dict[str, Any]:
    """Each of uint8 images (n, c, h, w) at no more than `bits`, measured as `analysis.evaluation.evaluate` measures.

    The same metrics by the same names, but for those of codebooks; and quality, the mean over images, and met, the
    share of images that could be had at so few bits. Raises ValueError as `compress` does, and for an empty set.
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
    """(quality, file, whether it is of at most `size` bytes): the highest that is, or else quality 0."""
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
