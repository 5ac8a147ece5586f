"""Files of strangers to pixels: one safe way in, which says what it did to the picture."""

import io
import os
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageChops, ImageCms, UnidentifiedImageError

from vqzoo.ops.check import check_int

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
MAX_BYTES = 20 * 2**20
MAX_PIXELS = 24_000_000
MAX_SIDE = 8192
MIN_SIDE = 8

_WANTED = "a PNG, JPEG, WebP, AVIF, GIF, BMP or TIFF image is needed"
_DAMAGED = "The image file is cut short or damaged; send the whole file again."

# What has to be done to the stored pixels to show them as each EXIF orientation asks.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_COLOUR_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # ICC's names -> Pillow's modes
_SRGB = ImageCms.createProfile("sRGB")


class ImageError(ValueError):
    """A file that cannot be used; the message is one sentence that can be shown to whoever sent it."""


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """pixels: uint8 (h, w, 3), sRGB, upright; notes: what was changed on the way, one plain phrase each."""

    pixels: np.ndarray
    notes: tuple[str, ...]


def load_image(source: str | os.PathLike | bytes) -> LoadedImage:
    """Reads a file, or the bytes of one, that nobody has checked.

    Size limits are held against the header, before any pixel is decoded. Raises ImageError for every fault of the
    content; a path that cannot be opened raises the OSError that `open` gives.
    """
    image = _open(_read(source))
    _check_size(*image.size)
    notes = []
    if getattr(image, "is_animated", False):
        notes.append("several frames: only the first is used")
    image, orientation_notes = _decode_upright(image)
    icc = image.info.get("icc_profile")
    image, depth_notes = _to_eight_bits(image)
    image, alpha = _split_alpha(image)
    image, colour_notes = _to_srgb(image, icc)
    notes += orientation_notes + depth_notes + colour_notes
    if alpha is not None and np.asarray(alpha).min() < 255:
        image = Image.composite(image, Image.new("RGB", image.size, "white"), alpha)
        notes.append("transparency composited on white")
    return LoadedImage(np.array(image), tuple(notes))


def fit(pixels: np.ndarray, longest: int) -> tuple[np.ndarray, str | None]:
    """Shrinks uint8 (h, w, 3) so that no side is over `longest` pixels, and says so; never enlarges."""
    check_int("longest", longest, 1, 2**31 - 1)
    height, width = pixels.shape[:2]
    if max(height, width) <= longest:
        return pixels, None
    scale = longest / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    shrunk = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
    return np.array(shrunk), f"shrunk from {width} x {height} to {size[0]} x {size[1]} pixels"


def _read(source: str | os.PathLike | bytes) -> bytes:
    if isinstance(source, bytes):
        data = source
    else:
        with open(source, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    if not data:
        raise ImageError(f"The file is empty; {_WANTED}.")
    if len(data) > MAX_BYTES:
        raise ImageError(f"The file is over {MAX_BYTES // 2**20} MiB; send a smaller or a more compressed one.")
    return data


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError(f"The file cannot be read as an image; {_WANTED}.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Pillow's own limit lies above ours, so the size, which it does not hand out here, is over ours as well.
        raise ImageError(_too_large("The image")) from error
    except Exception as error:  # a damaged header makes the parsers raise almost anything, struct.error included
        raise ImageError(_DAMAGED) from error


def _too_large(what: str) -> str:
    return (
        f"{what} is too large; at most {MAX_PIXELS // 10**6} megapixels and {MAX_SIDE} pixels a side are accepted, "
        "so shrink it first."
    )


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise ImageError(_too_large(f"The image of {width} x {height} pixels"))
    if min(width, height) < MIN_SIDE:
        raise ImageError(
            f"The image of {width} x {height} pixels is too small; each side must have at least {MIN_SIDE} pixels."
        )


def _decode_upright(image: Image.Image) -> tuple[Image.Image, list[str]]:
    notes = []
    # Pillow turns a TIFF by itself while decoding and drops the tag, so that it must be read before.
    turned = image.format == "TIFF" and _orientation(image) in _UPRIGHT
    halved = image.mode == "RGB" and any(";16" in str(tile[3]) for tile in image.tile)  # type: ignore[attr-defined]
    try:
        image.load()
    except Exception as error:  # see _open: decoders are no tidier than parsers
        raise ImageError(_DAMAGED) from error
    if halved:
        notes.append("16-bit values cut to their upper 8 bits")
    orientation = _orientation(image)
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
        turned = True
    if turned:
        notes.append("turned upright as its EXIF orientation says")
    return image, notes


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # an unreadable EXIF block says nothing about the picture, which is still good
        return 1


def _to_eight_bits(image: Image.Image) -> tuple[Image.Image, list[str]]:
    if image.mode == "F":
        raise ImageError(
            "The image holds floating-point values, whose range is not known; save it with 8 or 16 bits a channel."
        )
    if not image.mode.startswith("I"):
        return image, []
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ImageError("The image holds grey values outside 0 to 65535; save it with 8 or 16 bits a channel.")
    grey = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    transparent = image.info.get("transparency")
    if transparent is not None:
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey, ["16-bit values scaled to 8 bits"]


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    if not image.has_transparency_data:
        return image, None
    rgba = image.convert("RGBA")
    return rgba.convert("RGB"), rgba.getchannel("A")


def _to_srgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, list[str]]:
    plain = image.convert("RGB")
    if icc:
        try:
            managed = _through_profile(image, icc)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            broken = ["its colour profile is broken or does not fit, and was ignored"]
            return plain, broken + (["CMYK converted to RGB without a profile"] if image.mode == "CMYK" else [])
        if image.mode == "CMYK":
            return managed, ["CMYK converted to RGB through its colour profile"]
        # sRGB profiles differ from house to house by rounding; such pixels are sRGB already and stay as they are.
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
