"""The image codecs that are compared with models, and the names of these pseudo-models; torch is not needed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from PIL import features


@dataclass(frozen=True)
class Codec:
    """An image format of Pillow. feature: Pillow's name for its support; variants: settings to choose the best from."""

    format: str
    feature: str
    variants: tuple[dict[str, Any], ...]

    @property
    def available(self) -> bool:
        """Whether this machine's Pillow can read and write the format."""
        return bool(features.check(self.feature))


_CHROMA: tuple[dict[str, Any], ...] = ({"subsampling": "4:2:0"}, {"subsampling": "4:4:4"})
CODECS: dict[str, Codec] = {
    "JPEG": Codec("JPEG", "jpg", tuple({**chroma, "optimize": True} for chroma in _CHROMA)),
    "WebP": Codec("WEBP", "webp", ({"method": 6},)),
    "AVIF": Codec("AVIF", "avif", tuple({**chroma, "speed": 8} for chroma in _CHROMA)),
}


PCA = "PCA"
"""Name, in place of a codec's, for fitted PCA tokenizers that are made coarser to meet the bits."""


def available() -> list[str]:
    """Return the names of the codecs that this machine has."""
    return [name for name, codec in CODECS.items() if codec.available]


def label(codec: str, bits: float) -> str:
    """Return the name of a codec's pseudo-model."""
    return f"{codec} at {round(bits):,} bits"


def parse_label(text: str) -> tuple[str, int] | None:
    """Return (codec or PCA, bits) from the name of a pseudo-model; None for other names."""
    match = re.fullmatch(rf"({'|'.join((*CODECS, PCA))}) at ([\d,]+) bits", text)
    return (match[1], int(match[2].replace(",", ""))) if match else None


def rate_groups(bits: Iterable[float]) -> list[int]:
    """Group rates that exceed the lowest of their group by at most 5 %, and return each group's highest, ascending."""
    groups: list[list[float]] = []
    for each in sorted(bits):
        if groups and each <= 1.05 * groups[-1][0]:
            groups[-1].append(each)
        else:
            groups.append([each])
    return [round(group[-1]) for group in groups]
