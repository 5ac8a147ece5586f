"""Example photographs that are part of the package."""

from pathlib import Path

_FOLDER = Path(__file__).parent / "example_images"
_LABELS = {
    "Astronaut": "astronaut.webp",
    "Cat": "cat.webp",
    "Coffee": "coffee.webp",
    "Rocket": "rocket.webp",
    "Palace": "palace.webp",
    "Flower": "flower.webp",
}


def examples() -> dict[str, Path]:
    """Return label -> path of a lossless WebP of 256 x 256 RGB pixels, in display order.

    Authors and licences are in example_images/LICENSES.md.
    """
    return {label: _FOLDER / name for label, name in _LABELS.items()}
