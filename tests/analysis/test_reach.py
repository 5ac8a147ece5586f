"""A part of a picture with enough around it is reconstructed as it is in the whole, and without enough it is not."""

import numpy as np
import pytest
import torch
from torch import nn

from vqzoo.analysis.photograph import reconstruct
from vqzoo.analysis.reach import Part, reach
from vqzoo.files.images import load_image
from vqzoo.hub.registry import load
from vqzoo.tokenizer import Tokenizer

CONV = "cifar10-vq-1024x128"


@pytest.fixture(scope="module")
def pixels(path) -> np.ndarray:
    """No multiple of the stride: 250 rows, 230 columns."""
    return load_image(path).pixels[:250, :230]


def parts(pixels: np.ndarray, side: int, margin: int) -> list[tuple[slice, slice, Part]]:
    """Return all parts of a picture with their positions in it."""
    height, width = pixels.shape[:2]
    made = []
    for top in range(0, height, side):
        for left in range(0, width, side):
            first, row = max(0, left - margin), max(0, top - margin)
            around = pixels[row : top + side + margin, first : left + side + margin]
            size = min(side, height - top), min(side, width - left)
            part = Part(around, top - row, left - first, *size, margin)
            made.append((slice(top, top + size[0]), slice(left, left + size[1]), part))
    return made


def together(tokenizer: Tokenizer, pixels: np.ndarray, margin: int) -> tuple[np.ndarray, float]:
    """The picture put together from its parts, and their bits."""
    out, bits = np.zeros_like(pixels), 0.0
    for rows, columns, part in parts(pixels, 64, margin):
        assert np.array_equal(part.pixels, pixels[rows, columns])
        result = reconstruct(tokenizer, part.pixels, part=part)
        out[rows, columns] = result.pixels
        bits += result.metrics["bits_per_image"]
    return out, bits


@pytest.mark.parametrize("name", [CONV, "cifar10-fsq-8-5-5-5", "cifar10-pca-32x256"])
def test_parts_put_together_are_the_whole(pixels, name):
    tokenizer = load(name)
    whole = reconstruct(tokenizer, pixels)
    made, bits = together(tokenizer, pixels, 64)
    different = made != whole.pixels
    assert np.abs(made.astype(int) - whole.pixels).max() <= 1 and different.mean() < 1e-3, "but for rounding"
    assert bits == pytest.approx(whole.metrics["bits_per_image"]), "every token is in one part"


def test_with_too_little_around_there_are_seams(pixels):
    tokenizer = load(CONV)
    whole = reconstruct(tokenizer, pixels).pixels
    made, _ = together(tokenizer, pixels, 0)
    wrong = np.abs(made.astype(int) - whole).max(-1) > 8
    assert wrong[:, 60:68].mean() > 2 * wrong[:, 30:34].mean() > -1 and wrong.any()


def test_the_reach_is_that_of_the_layers():
    # Of both halves: three 3 x 3 convolutions on the grid and the strided ones, another cell, so 4 cells of 4 pixels.
    assert reach(load(CONV)) == 2 * 4 * 4
    assert reach(load("cifar10-pca-32x256")) == 0, "blocks of pixels"


@pytest.mark.parametrize(
    "name", ["flowers-vqgan-1024x256-sinusoidal", "cifar10-cvq-1024x128-sinusoidal", "cifar10-looc-256x4-factor2"]
)
def test_what_depends_on_the_whole_picture_is_known(name):
    """Norms and attention; positions that count from the corner; tokens that are averages of neighbours."""
    assert reach(load(name)) is None


def test_a_long_reach_is_the_whole_picture():
    tokenizer = load(CONV)
    tokenizer.autoencoder.encoder.append(nn.AdaptiveAvgPool2d(1))
    tokenizer.autoencoder.encoder.append(nn.Upsample(48))
    assert reach(tokenizer) is None


def test_what_is_around_is_cut_to_what_is_needed():
    around = np.arange(100 * 120 * 3).reshape(100, 120, 3).astype(np.uint8)
    part = Part(around, 40, 10, 20, 30, 50)
    less = part.within(16)
    assert less.around.shape == (52, 56, 3) and (less.top, less.left) == (16, 10)
    assert np.array_equal(less.pixels, part.pixels) and np.array_equal(part.pixels, around[40:60, 10:40])
    images = torch.from_numpy(less.around).permute(2, 0, 1)[None]
    assert np.array_equal(less.cut(images)[0].permute(1, 2, 0).numpy(), part.pixels)
