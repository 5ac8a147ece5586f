"""Write vqzoo/analysis/evaluation_sample/cifar10.webp: the first 64 test images as one lossless sheet.

VQZOO_DATA=FOLDER python -m trainers.tools.make_sample
"""

from pathlib import Path

import numpy as np
from PIL import Image

from trainers.data.pictures import Form, decode
from trainers.data.sets import open_splits

DATASET, SIDE, ROW = "cifar10", 32, 8
PATH = Path(__file__).parents[2] / "vqzoo" / "analysis" / "evaluation_sample" / f"{DATASET}.webp"


def main() -> None:
    """Write the sheet."""
    rows = open_splits(DATASET, ["test"])["test"]
    images = np.stack([decode(cell, Form(SIDE, 3)) for cell in rows[: ROW**2]["image"]])
    sheet = images.reshape(ROW, ROW, 3, SIDE, SIDE).transpose(0, 3, 1, 4, 2).reshape(ROW * SIDE, ROW * SIDE, 3)
    Image.fromarray(sheet).save(PATH, lossless=True, quality=100, method=6)
    print(PATH.name, PATH.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
