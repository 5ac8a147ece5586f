"""Bits that an image costs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """Rate of an image; share_of_raw is relative to 8 bits per channel and pixel, and can be over 1."""

    bits_per_image: float
    bits_per_pixel: float
    share_of_raw: float


def rate(bits: float, channels: int, pixels: float) -> Rate:
    """Return the rate of `bits` for one image with these numbers of channels and pixels."""
    return Rate(bits, bits / pixels, bits / (8 * channels * pixels))
