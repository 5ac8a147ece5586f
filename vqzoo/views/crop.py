"""A part of a photograph at 1:1, named as a media fragment of its path: "photograph.jpg#xywh=64,128,512,512"."""

import re

ALIGNED = 64
"""Pixels, a multiple of every model's stride: parts begin at multiples of it, and so does what is around them."""
MARGIN = 256
"""Pixels around a part that are read with it, as far as the picture goes."""

_FRAGMENT = re.compile(r"(.*)#xywh=(\d+),(\d+),(\d+),(\d+)", re.DOTALL)


def crop(path: str, x: int, y: int, side: int) -> str:
    """Return the path of a square part around a pixel, in place of any part that `path` already names."""
    left, top = (round(max(0, middle - side / 2) / ALIGNED) * ALIGNED for middle in (x, y))
    return named(split(path)[0], left, top, side)


def named(path: str, left: int, top: int, side: int) -> str:
    """Return the path of the square part of a photograph with this corner."""
    return f"{path}#xywh={left},{top},{side},{side}"


def split(path: str) -> tuple[str, tuple[int, int, int, int] | None]:
    """Return the path of the whole photograph, and left, top, width and height of the part in pixels."""
    match = _FRAGMENT.fullmatch(path)
    if match is None:
        return path, None
    left, top, width, height = map(int, match.groups()[1:])
    return match[1], (left, top, width, height)


def inside(start: int, length: int, room: int) -> tuple[int, int]:
    """Return start and length of a part along one side of a picture of `room` pixels, moved to where it fits."""
    start = min(start, max(0, room - length)) // ALIGNED * ALIGNED
    return start, min(length, room - start)
