"""Convert the pixels that a file stores to opaque sRGB pixels of 8 bits."""

import io

import numpy as np
from PIL import Image, ImageChops, ImageCms

from vqzoo.files.images.limits import ImageError

_COLOUR_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # ICC's names -> Pillow's modes
_SRGB = ImageCms.createProfile("sRGB")
_BITS_PER_SAMPLE = 258  # a tag of TIFF


def to_eight_bits(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """Return the image with 8 bits a channel and without a palette, and notes on what was converted.

    Integers of 9 to 16 bits are scaled so that the largest possible value becomes 255; floating-point values in [0, 1]
    are scaled by 255. Raises ImageError for floating-point values outside [0, 1] and integers outside 0 to 65535.
    """
    notes: list[str] = []
    if image.mode == "F":
        values = np.asarray(image)
        if not (values.min() >= 0 and values.max() <= 1):  # NaN fails both
            raise ImageError(
                "The image holds floating-point values outside [0, 1]; scale them to [0, 1], or save it with 8 or 16 "
                "bits a channel."
            )
        return Image.fromarray(np.rint(values * 255).astype(np.uint8)), ["floating-point values scaled to 8 bits"]
    if image.mode.startswith("I"):
        image, notes = _from_integers(image)
    if image.mode == "LAB":
        raise ImageError("The image holds CIE Lab colours; save it as RGB.")
    if image.mode in ("1", "P", "PA") or (image.has_transparency_data and image.mode not in ("LA", "RGBA")):
        image = image.convert("RGBA" if image.has_transparency_data else "L" if image.mode == "1" else "RGB")
    return image, notes


def to_srgb(image: Image.Image, icc: bytes | None, background: str) -> tuple[Image.Image, list[str]]:
    """Return the image as opaque RGB, or grey if it was grey, and notes on what was converted.

    Colours are converted by the image's ICC profile, if it has one; `background` shows where it is transparent.
    """
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    colours = image if alpha is None else image.convert("RGB")
    colours, notes = _managed(colours, icc)
    if alpha is not None and alpha.getextrema()[0] < 255:  # type: ignore[operator]
        colours = Image.composite(colours, Image.new("RGB", colours.size, background), alpha)
        notes.append(f"transparency composited on {background}")
    return colours, notes


def _from_integers(image: Image.Image) -> tuple[Image.Image, list[str]]:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise ImageError("The image holds grey values outside 0 to 65535; save it with 8 or 16 bits a channel.")
    bits = _bits(image)
    top = 2**bits - 1
    table = ((np.arange(top + 1) * 255 + top // 2) // top).astype(np.uint8)
    grey = Image.fromarray(table.take(values, mode="clip"))
    transparent = image.info.get("transparency")
    if transparent is not None:
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey, [f"{bits}-bit values scaled to 8 bits"]


def _bits(image: Image.Image) -> int:
    """Return the bits of an integer image's values: Pillow leaves 12-bit values unscaled in 16 bits."""
    stated = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))[0]
    return stated if 8 < stated < 16 else 16


def _managed(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, list[str]]:
    plain = image if image.mode in ("L", "RGB") else image.convert("RGB")
    if icc:
        plain = plain.convert("RGB")
        try:
            managed = _through_profile(image, icc)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            broken = ["its colour profile is broken or does not fit, and was ignored"]
            return plain, broken + (["CMYK converted to RGB without a profile"] if image.mode == "CMYK" else [])
        if image.mode == "CMYK":
            return managed, ["CMYK converted to RGB through its colour profile"]
        # sRGB profiles differ between vendors by rounding; pixels with one are sRGB already and stay unchanged.
        if max(high for _, high in ImageChops.difference(plain, managed).getextrema()) <= 2:  # type: ignore[misc]
            return plain, []
        return managed, ["colours converted to sRGB from its colour profile"]
    if image.mode == "CMYK":
        return plain, ["CMYK converted to RGB without a profile, so that colours are approximate"]
    return plain, []


def _through_profile(image: Image.Image, icc: bytes) -> Image.Image:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    mode = _COLOUR_SPACES.get(profile.profile.xcolor_space)
    if mode is None or (mode == "CMYK") != (image.mode == "CMYK"):
        raise ValueError("the profile is for another kind of picture")
    managed = ImageCms.profileToProfile(image.convert(mode), profile, _SRGB, outputMode="RGB")
    assert managed is not None  # it is None only for inPlace=True
    return managed
