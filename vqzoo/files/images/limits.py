"""Limits on the size and the decoding cost of a picture."""

from dataclasses import dataclass

NAMES = {
    "PNG": "PNG",
    "JPEG": "JPEG",
    "WEBP": "WebP",
    "AVIF": "AVIF",
    "GIF": "GIF",
    "BMP": "BMP",
    "TIFF": "TIFF",
    "HEIF": "HEIC",
    "PPM": "PPM",
    "JPEG2000": "JPEG 2000",
}
"""Pillow's name of each format -> its name in sentences."""


class ImageError(ValueError):
    """A file that cannot be used; the message is one sentence for its sender."""


@dataclass(frozen=True)
class ImageLimits:
    """Limits on one picture.

    formats: keys of `NAMES`.
    bytes: size of the file.
    pixels, side, min_side: size of the picture, as its header states it.
    seconds, memory: cost of decoding, in seconds and bytes.
    """

    formats: tuple[str, ...]
    bytes: int
    pixels: int
    side: int
    min_side: int = 8
    seconds: float = 10.0
    memory: int = 2**30

    def accepted_formats(self) -> str:
        """Return the accepted formats as the last clause of a sentence."""
        names = [NAMES[each] for each in self.formats]
        return f"a {', '.join(names[:-1])} or {names[-1]} image is needed"

    def check_size(self, width: int, height: int) -> None:
        """Raise ImageError for a picture that is too large or too small."""
        if width * height > self.pixels or max(width, height) > self.side:
            raise self.too_large(f"The image of {width} x {height} pixels")
        if min(width, height) < self.min_side:
            raise ImageError(
                f"The image of {width} x {height} pixels is too small; each side must have at least {self.min_side} "
                "pixels."
            )

    def check_memory(self, width: int, height: int, needed: int) -> None:
        """Raise ImageError for a picture whose decoding needs more than `memory` bytes."""
        if needed > self.memory:
            raise ImageError(
                f"The image of {width} x {height} pixels needs more than {self.memory // 2**20} MiB to be decoded; "
                "shrink it first."
            )

    def too_large(self, what: str) -> ImageError:
        """Return the error for a picture of too many pixels."""
        return ImageError(
            f"{what} is too large; at most {self.pixels // 10**6} megapixels and {self.side} pixels a side are "
            "accepted, so shrink it first."
        )


_WIDESPREAD = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "HEIF")

SPACE = ImageLimits(_WIDESPREAD, bytes=20 * 2**20, pixels=24_000_000, side=8192)
"""Limits on a machine that visitors share."""

OWN_MACHINE = ImageLimits((*_WIDESPREAD, "PPM", "JPEG2000"), bytes=256 * 2**20, pixels=2**28, side=2**16)
"""Limits on one's own machine, with a few more formats that data sets use; in practice `memory` limits."""
