"""The photographs that come with the package, for a first look without a picture of one's own."""

from pathlib import Path

_FOLDER = Path(__file__).parent / "example_images"
_LABELS = {
    "Astronaut": "astronaut.png",
    "Cat": "cat.png",
    "Coffee": "coffee.png",
    "Rocket": "rocket.png",
    "Palace": "palace.png",
    "Flower": "flower.png",
}


def examples() -> dict[str, Path]:
    """Label -> a 256 x 256 RGB PNG, in the order to show them; example_images/LICENSES.md says whose they are."""
    return {label: _FOLDER / name for label, name in _LABELS.items()}
