"""Make vqzoo/analysis/example_images/*.webp from pictures inside two packages.

    pip install scikit-image scikit-learn
    python docs/make_examples.py

Nothing is downloaded. Each square was chosen by eye: (left, top, side) in the pixels of the original.
"""

from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from vqzoo.files.images import load_image

SIDE = 256
FOLDER = Path(__file__).parents[1] / "vqzoo" / "analysis" / "example_images"
CROPS = {
    "astronaut.webp": ("skimage", "data/astronaut.png", (0, 0, 512)),
    "cat.webp": ("skimage", "data/chelsea.png", (75, 0, 300)),
    "coffee.webp": ("skimage", "data/coffee.png", (100, 0, 400)),
    "rocket.webp": ("skimage", "data/rocket.jpg", (107, 0, 427)),
    "palace.webp": ("sklearn", "datasets/images/china.jpg", (107, 0, 427)),
    "flower.webp": ("sklearn", "datasets/images/flower.jpg", (130, 0, 427)),
}


def packaged(package: str, path: str) -> Path:
    """Return the path of a picture inside an installed package; SystemExit where it is not installed."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit("scikit-image and scikit-learn are needed: pip install scikit-image scikit-learn")
    return Path(spec.origin).parent / path


def main() -> None:
    """Write every example picture."""
    for name, (package, path, (left, top, side)) in CROPS.items():
        picture = Image.fromarray(load_image(packaged(package, path)).pixels)
        square = picture.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        square.save(FOLDER / name, lossless=True, quality=100, method=6)
        print(name, (FOLDER / name).stat().st_size, "bytes")


if __name__ == "__main__":
    main()
