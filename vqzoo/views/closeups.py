"""Where a positional encoding leaves its mark: the patches in which pictures with it and without it differ most."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vqzoo.views.pictures import Picture

_NUMBER = 4
_SHARE = 8  # of the longer side that a patch is wide
_SMALLEST = 12
_ENLARGED = 160  # pixels that a patch is drawn at, at least


@dataclass(frozen=True, eq=False)
class CloseUp:
    """A square patch, `left` and `top` its corner in pixels, of each picture, enlarged by whole pixels; difference: the
    mean over its bytes of |with - without|, in steps of 255."""

    left: int
    top: int
    side: int
    difference: float
    pictures: tuple[Picture, ...]


def close_ups(pairs: Sequence[tuple[Picture, Picture]], pictures: Sequence[Picture]) -> list[CloseUp]:
    """The four patches of `pictures` where the pairs, (with, without), differ most; fewer where less differs or fits.

    A patch is an eighth of the longer side wide, and at least 12 pixels. Patches lie on a grid of half their side and
    are taken by their mean difference over all pairs, the largest first, those left out that overlap one taken before.
    """
    differences = [np.abs(one.pixels.astype(np.int16) - two.pixels).mean(-1) for one, two in pairs]
    difference = np.mean(differences, axis=0)
    height, width = difference.shape
    side = min(height, width, max(_SMALLEST, max(height, width) // _SHARE))
    # Sums over rectangles from one table of sums.
    sums = np.pad(difference.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    step = max(1, side // 2)
    found = [
        ((sums[y + side, x + side] - sums[y, x + side] - sums[y + side, x] + sums[y, x]) / side**2, y, x)
        for y in range(0, height - side + 1, step)
        for x in range(0, width - side + 1, step)
    ]
    chosen: list[tuple[float, int, int]] = []
    for mean, y, x in sorted(found, key=lambda patch: (-patch[0], *patch[1:])):
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
