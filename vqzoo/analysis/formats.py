"""Which image codecs stand beside the models, and the names of these pseudo-models; torch is not needed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from PIL import features


@dataclass(frozen=True)
class Codec:
    """A format of Pillow's. feature: what its build must have; variants: settings of which the better is taken."""

    format: str
    feature: str
    variants: tuple[dict[str, Any], ...]

    @property
    def available(self) -> bool:
        """Whether this machine's Pillow can write and read it."""
        return bool(features.check(self.feature))


_CHROMA: tuple[dict[str, Any], ...] = ({"subsampling": "4:2:0"}, {"subsampling": "4:4:4"})
CODECS: dict[str, Codec] = {
    "JPEG": Codec("JPEG", "jpg", tuple({**chroma, "optimize": True} for chroma in _CHROMA)),
    "WebP": Codec("WEBP", "webp", ({"method": 6},)),
    "AVIF": Codec("AVIF", "avif", tuple({**chroma, "speed": 8} for chroma in _CHROMA)),
}


PCA = "PCA"
"""In the place of a codec: the fitted PCA tokenizers, as coarse as the bits ask for."""


def available() -> list[str]:
    """Names of the codecs that this machine has."""
    return [name for name, codec in CODECS.items() if codec.available]


def label(codec: str, bits: float) -> str:
    """The pseudo-model's name."""
    return f"{codec} at {round(bits):,} bits"


def parse_label(text: str) -> tuple[str, int] | None:
    """(codec or PCA, bits) of a pseudo-model's name; None for any other."""
    match = re.fullmatch(rf"({'|'.join((*CODECS, PCA))}) at ([\d,]+) bits", text)
    return (match[1], int(match[2].replace(",", ""))) if match else None


def rate_groups(bits: Iterable[float]) -> list[int]:
    """Rates within 5 % of the lowest of a group are one group: the highest of each, ascending."""
    groups: list[list[float]] = []
    for each in sorted(bits):
        if groups and each <= 1.05 * groups[-1][0]:
            groups[-1].append(each)
        else:
            groups.append([each])
    return [round(group[-1]) for group in groups]
