"""PNG files that others read as they were written."""

import io

import numpy as np
import pytest
from PIL import Image

from vqzoo.analysis.examples import examples
from vqzoo.images import load_image
from vqzoo.views.png import png


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (61, 90), (300, 5)])
def test_every_pixel_comes_back(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    with Image.open(io.BytesIO(png(pixels))) as read:
        assert read.format == "PNG" and read.mode == "RGB" and np.array_equal(np.asarray(read), pixels)
    part = pixels[:, ::-1]  # not one piece of memory
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(part)))), part)


def test_a_photograph_takes_no_more_room_than_pillow_gives_it():
    pixels = load_image(str(next(iter(examples().values())))).pixels
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    assert len(png(pixels)) < 1.05 * len(file.getvalue())
