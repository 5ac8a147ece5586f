"""Detect an image format by the first bytes of a file, and open it with Pillow's class for the format.

The classes are called directly because the pixel limit of `PIL.Image.open` is one for all callers.
"""

import io

from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from vqzoo.files.images.limits import ImageError

_READERS = {
    "PNG": PngImageFile,
    "JPEG": JpegImageFile,
    "WEBP": WebPImageFile,
    "AVIF": AvifImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
    "PPM": PpmImageFile,
    "JPEG2000": Jpeg2KImageFile,
}
_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"P1": "PPM",
    b"P2": "PPM",
    b"P3": "PPM",
    b"P4": "PPM",
    b"P5": "PPM",
    b"P6": "PPM",
    b"Pf": "PPM",
    b"\xff\x4f\xff\x51": "JPEG2000",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000",
}
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def format_of(data: bytes) -> str | None:
    """Return the name of the format, a key of `limits.NAMES`; None for anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        brands = _brands(data)
        return "AVIF" if brands & _AVIF_BRANDS else "HEIF" if brands & _HEIF_BRANDS else None
    return next((kind for signature, kind in _SIGNATURES.items() if data.startswith(signature)), None)


def open_as(kind: str, data: bytes) -> Image.Image:
    """Return the image with only its header read; a damaged header may raise any error."""
    file = io.BytesIO(data)
    if kind != "HEIF":
        return _READERS[kind](file)
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise ImageError("To read a HEIC picture, pip install pillow-heif.") from None
    image: Image.Image = HeifImageFile(file)
    return image


def _brands(data: bytes) -> set[bytes]:
    """Return the brands of an ISO base media file: the major one and the compatible ones."""
    end = min(int.from_bytes(data[:4], "big"), 256)
    return {data[8:12]} | {data[offset : offset + 4] for offset in range(16, end, 4)}
