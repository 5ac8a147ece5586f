"""The photographs that come with the package, for a first look without a picture of one's own."""

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
    """Label -> a lossless WebP of 256 x 256 RGB pixels, in the order to show them.

    example_images/LICENSES.md says whose they are.
    """
    return {label: _FOLDER / name for label, name in _LABELS.items()}
