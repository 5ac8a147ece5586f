"""Where two pictures differ most."""

import numpy as np

from vqzoo.views.closeups import close_ups
from vqzoo.views.pictures import Picture


def grey(name: str = "a", height: int = 96, width: int = 96) -> Picture:
    return Picture(name, np.full((height, width, 3), 100, np.uint8))


def test_the_largest_differences_come_first_and_do_not_overlap():
    one, two = grey("with"), grey("without")
    two.pixels[12:24, 36:48] += 60  # a patch of 12 x 12 on the grid of 6
    two.pixels[60:72, 60:72] += 90
    two.pixels[66:78, 66:78] += 20  # a quarter of it lies over the one before
    actual = close_ups([(one, two)], [one, two])
    assert [(patch.left, patch.top) for patch in actual[:2]] == [(60, 60), (36, 12)]
    assert actual[0].difference == (144 * 90 + 36 * 20) / 144 and actual[1].difference == 60
    assert all(patch.side == 12 for patch in actual) and len(actual) <= 4
    for patch in actual:
        for other in actual:
            assert patch is other or max(abs(patch.left - other.left), abs(patch.top - other.top)) >= 12
    assert [patch.difference for patch in actual] == sorted((patch.difference for patch in actual), reverse=True)


def test_a_patch_is_of_every_picture_and_enlarged_by_whole_pixels():
    one, two, other = (
        grey("with"),
        grey("without"),
        Picture("other", np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)),
    )
    two.pixels[24:36, 24:36] = 0
    patch = close_ups([(one, two)], [one, two, other])[0]
    assert [picture.name for picture in patch.pictures] == ["with", "without", "other"]
    times = patch.pictures[2].pixels.shape[0] // 12
    assert times > 1 and np.array_equal(patch.pictures[2].pixels[::times, ::times], other.pixels[24:36, 24:36])


def test_of_several_pairs_the_mean_counts():
    one, two, three = grey(), grey(), grey()
    two.pixels[0:12, 0:12] += 30
    three.pixels[48:60, 48:60] += 50
    actual = close_ups([(one, two), (one, three)], [one])
    assert [(patch.left, patch.top, patch.difference) for patch in actual[:2]] == [(48, 48, 25), (0, 0, 15)]


def test_where_nothing_differs_there_is_nothing_to_show():
    assert close_ups([(grey(), grey())], [grey()]) == []


def test_a_patch_is_never_larger_than_the_picture():
    one, two = grey(height=5, width=40), grey(height=5, width=40)
    two.pixels[:, 10:] = 0
    assert {patch.side for patch in close_ups([(one, two)], [one])} == {5}
