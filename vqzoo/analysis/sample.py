"""Images that show where a codevector occurs: the first ones of a test split, or the example photographs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vqzoo.analysis.examples import examples

_FOLDER = Path(__file__).parent / "evaluation_sample"
_SIDES = {"cifar10": 32}


@dataclass(frozen=True, eq=False)
class Sample:
    """Sample images. name: a description that fits into a sentence; images: uint8 (n, h, w, 3)."""

    name: str
    images: np.ndarray


def sample(dataset: str) -> Sample:
    """Return sample images of a data set from the package; evaluation_sample/LICENSES.md names their authors.

    For CIFAR-10 these are the first 64 images of the test split, losslessly; for other data sets the six example
    photographs.
    """
    if side := _SIDES.get(dataset):
        with Image.open(_FOLDER / f"{dataset}.webp") as sheet:
            pixels = np.asarray(sheet.convert("RGB"))
        rows, columns = (length // side for length in pixels.shape[:2])
        images = pixels.reshape(rows, side, columns, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
        return Sample(f"the first {len(images)} images of the test split of {dataset}", images)
    photographs = [np.asarray(Image.open(path).convert("RGB")) for path in examples().values()]
    return Sample("the six example photographs, as no images of its test split are shipped", np.stack(photographs))
