"""Close-ups: the patches in which pictures with and without a positional encoding differ most."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vqzoo.views.pictures import Picture

_NUMBER = 4
_SHARE = 8  # the longer side of the picture over the side of a patch
_SMALLEST = 12
_ENLARGED = 160  # least side of a drawn patch in pixels


@dataclass(frozen=True, eq=False)
class CloseUp:
    """A square patch of each picture, enlarged by repeating pixels.

    `left`, `top` and `side` are in pixels; `difference` is the mean of |with - without| over the patch's bytes, in
    [0, 255].
    """

    left: int
    top: int
    side: int
    difference: float
    pictures: tuple[Picture, ...]


def close_ups(pairs: Sequence[tuple[Picture, Picture]], pictures: Sequence[Picture]) -> list[CloseUp]:
    """Return up to four patches of `pictures` where the pairs (with, without) differ most.

    A patch is an eighth of the longer side wide, at least 12 pixels. Patches lie on a grid with half their side as its
    step, and are taken by decreasing mean difference over all pairs; those that overlap an earlier one are skipped.
    """
    differences = [np.abs(one.pixels.astype(np.int16) - two.pixels).mean(-1) for one, two in pairs]
    difference = np.mean(differences, axis=0)
    height, width = difference.shape
    side = min(height, width, max(_SMALLEST, max(height, width) // _SHARE))
    # A summed-area table gives the sum over any rectangle.
    sums = np.pad(difference.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    step = max(1, side // 2)
    patches = [
        ((sums[y + side, x + side] - sums[y, x + side] - sums[y + side, x] + sums[y, x]) / side**2, y, x)
        for y in range(0, height - side + 1, step)
        for x in range(0, width - side + 1, step)
    ]
    chosen: list[tuple[float, int, int]] = []
    for mean, y, x in sorted(patches, key=lambda patch: (-patch[0], *patch[1:])):
        apart = all(abs(y - other[1]) >= side or abs(x - other[2]) >= side for other in chosen)
        if mean > 1e-9 and apart and len(chosen) < _NUMBER:
            chosen.append((mean, y, x))
    return [
        CloseUp(x, y, side, float(mean), tuple(_cut(each, y, x, side) for each in pictures)) for mean, y, x in chosen
    ]


def _cut(picture: Picture, top: int, left: int, side: int) -> Picture:
    times = -(-_ENLARGED // side)
    patch = picture.pixels[top : top + side, left : left + side]
    return Picture(picture.name, patch.repeat(times, 0).repeat(times, 1))
