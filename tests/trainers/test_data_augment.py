"""What is drawn for an image depends on the seed, the epoch and the image alone, and is what the recipe says."""

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import RandomResizedCrop, functional

from trainers.data.augment import Augment
from trainers.data.draws import bits, uniforms


def images(num: int, side: int = 16, seed: int = 0) -> torch.Tensor:
    return torch.randint(256, (num, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def in_epoch(num: int, epoch: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.full((num,), epoch), torch.arange(num)


def test_the_numbers_are_those_of_splitmix64():
    """The generator as published, in Python's whole numbers, begun at the mixed key."""
    state, expected = int(bits(7, 3, 5)[0]), []
    for _ in range(4):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        mixed = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64
        expected.append(((mixed ^ (mixed >> 31)) >> 11) / 2**53)
    assert uniforms(7, 3, 5, num=4)[0].tolist() == expected
    assert int(bits(1234567)[0]) == 6457827717110365317  # first output for that seed, as widely published


def test_every_key_counts():
    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (-1, 0, 0), (0, 0, 2**40)]
    assert len({int(bits(*key)[0]) for key in keys}) == len(keys)


def test_numbers_are_uniform_and_independent():
    draws = uniforms(0, np.zeros(20_000, np.int64), np.arange(20_000), num=4)
    assert 0 <= draws.min() and draws.max() < 1
    counts = np.stack([np.histogram(column, 20, (0, 1))[0] for column in draws.T])
    assert ((counts - 1000) ** 2 / 1000).sum(1).max() < 50  # chi-squared of 19 degrees: 0.9999 quantile
    assert np.abs(np.corrcoef(draws.T) - np.eye(4)).max() < 0.03
    assert abs(np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]) < 0.03


def test_settings_that_ask_for_nothing_change_nothing():
    batch = images(4)
    assert Augment(16, 16)(batch, *in_epoch(4)) is batch


def test_half_of_the_images_are_mirrored_left_to_right():
    batch = images(400)
    seen = Augment(16, 16, flip=True)(batch, *in_epoch(400))
    mirrored = (seen == batch.flip(-1)).flatten(1).all(1)
    assert ((seen == batch).flatten(1).all(1) ^ mirrored).all()
    assert 160 < mirrored.sum() < 240


def test_a_crop_is_a_square_of_the_image_and_any_place_comes():
    batch = images(300, side=6)
    augment = Augment(4, 6)
    seen, boxes = augment(batch, *in_epoch(300)), augment.boxes(*in_epoch(300))
    for crop, image, (top, left, height, width) in zip(seen, batch, boxes, strict=True):
        assert (height, width) == (4, 4)
        assert torch.equal(crop, image[:, top : top + 4, left : left + 4])
    counts = np.unique(boxes[:, :2], axis=0, return_counts=True)[1]
    assert len(counts) == 9 and counts.min() > 15


def test_a_crop_as_large_as_the_scale_says_is_resized():
    image = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    image[..., 4:] = 200  # the right half is light
    augment = Augment(4, 8, scale=(0.25, 0.25))
    for epoch in range(20):
        (crop,), ((top, left, height, width),) = (
            augment(image, torch.tensor([epoch]), torch.tensor([0])),
            augment.boxes(torch.tensor([epoch]), torch.tensor([0])),
        )
        assert crop.shape == (3, 4, 4) and (height, width) in [(4, 4), (5, 3), (3, 5)]
        assert (crop[..., 0] < 100).all() == (left < 4) and (crop[..., -1] > 100).all() == (left + width > 4)
        if (height, width) == (4, 4):
            assert torch.equal(crop, image[0, :, top : top + 4, left : left + 4])


def test_a_resized_crop_is_that_of_torchvision():
    batch = images(6)
    augment = Augment(12, 16, scale=(0.3, 1.0), flip=False, seed=4)
    boxes = augment.boxes(*in_epoch(6)).tolist()
    expected = [
        functional.resize(image[:, top : top + height, left : left + width], [12, 12], antialias=True)
        for image, (top, left, height, width) in zip(batch, boxes, strict=True)
    ]
    assert torch.equal(augment(batch, *in_epoch(6)), torch.stack(expected))


@pytest.mark.parametrize("scale", [(0.08, 1.0), (0.5, 0.75), (0.95, 1.0)])
def test_crops_are_distributed_as_torchvisions(scale):
    num, side = 4000, 64
    boxes = Augment(32, side, scale).boxes(*in_epoch(num)).astype(float)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        one = RandomResizedCrop(32, scale=scale)
        drawn = [one.make_params([torch.empty(3, side, side)]) for _ in range(num)]
    theirs = np.array([[box[key] for key in ("top", "left", "height", "width")] for box in drawn], float)
    for ours, reference in [(features(boxes), features(theirs))]:
        for mine, other in zip(ours.T, reference.T, strict=True):  # two-sample Kolmogorov-Smirnov, 0.001
            grid = np.sort(np.concatenate([mine, other]))
            gap = np.abs(np.searchsorted(np.sort(mine), grid, "right") - np.searchsorted(np.sort(other), grid, "right"))
            assert gap.max() / num < 1.95 * np.sqrt(2 / num)
    areas = boxes[:, 2] * boxes[:, 3] / side**2
    whole = (boxes[:, 2:] == side).all(1)  # ten tries that do not fit
    assert ((areas > scale[0] - 0.02) & (areas < scale[1] + 0.02) | whole).all()


def features(boxes: np.ndarray) -> np.ndarray:
    """Area, log ratio, and the middle's place of boxes."""
    top, left, height, width = boxes.T
    return np.stack([height * width, np.log(width / height), top + height / 2, left + width / 2], 1)


@pytest.mark.parametrize("settings", [{"flip": True}, {"side": 12}, {"scale": (0.2, 1.0), "flip": True}])
def test_neither_batch_nor_neighbours_matter(settings):
    batch = images(12)
    augment = Augment(**{"side": 16, "resolution": 16, "seed": 9, **settings})
    whole = augment(batch, *in_epoch(12))
    order = torch.tensor([7, 0, 11, 3])
    assert torch.equal(augment(batch[order], torch.zeros(4, dtype=torch.int64), order), whole[order])
    assert not torch.equal(augment(batch, *in_epoch(12, epoch=1)), whole)
    assert not torch.equal(augment(batch, in_epoch(12)[0], torch.arange(12) + 1), whole)
    other = Augment(**{"side": 16, "resolution": 16, "seed": 10, **settings})
    assert not torch.equal(other(batch, *in_epoch(12)), whole)
