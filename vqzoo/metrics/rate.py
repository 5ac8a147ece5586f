"""What an image costs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """bits_per_pixel is bits / pixels; share_of_raw is bits / bits of 8-bit pixels and may pass 1."""

    bits_per_image: float
    bits_per_pixel: float
    share_of_raw: float


def rate(bits: float, channels: int, pixels: float) -> Rate:
    """Return the rate of `bits` for one image of so many pixels, of 8 bits a channel."""
    return Rate(bits, bits / pixels, bits / (8 * channels * pixels))
