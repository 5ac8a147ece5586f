"""A part of a photograph at 1:1: named by its path, read with what is around it, and the same as in the whole."""

from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image

from vqzoo.analysis.photograph import reconstruct
from vqzoo.hub.registry import list_models, load
from vqzoo.views.comparison import Comparison, compare
from vqzoo.views.crop import crop, inside, split
from vqzoo.views.engine import Engine
from vqzoo.views.share import from_query, to_query

LOCAL, WHOLE = "cifar10-vq-1024x128", "cifar10-cvq-1024x128-sinusoidal"


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> tuple[str, np.ndarray]:
    """A photograph of 500 x 700 pixels, losslessly stored."""
    y, x = np.mgrid[0:500, 0:700]
    waves = [127 + 120 * np.sin(x / a + y / b) for a, b in ((7, 19), (23, -11), (41, 5))]
    pixels = np.stack(waves, -1).astype(np.uint8)
    path = tmp_path_factory.mktemp("large") / "large.png"
    Image.fromarray(pixels).save(path)
    return str(path), pixels


def test_a_part_is_named_by_its_path():
    named = crop("a photograph.jpg", 300, 200, 128)
    assert named == "a photograph.jpg#xywh=256,128,128,128", "begins at multiples of 64"
    assert split(named) == ("a photograph.jpg", (256, 128, 128, 128))
    assert crop(named, 0, 0, 64) == "a photograph.jpg#xywh=0,0,64,64", "in place of the part before"
    assert split("100 #1.png") == ("100 #1.png", None)


def test_a_link_opens_on_a_part(engine, path):
    shown = Comparison(crop(path, 200, 100, 64), 64, (LOCAL,))
    query, _ = to_query(shown)
    assert "part=192,64" in query
    view = from_query(dict(parse_qsl(query)), engine, [64], 64)
    assert view is not None and view.path == shown.photo
    for wrong in ("1", "a,b", "-1,0", "1,2,3", "٣,٤"):
        view = from_query({"image": "Astronaut", "part": wrong}, engine, [64], 64)
        assert view is not None and "#" not in str(view.path)


@pytest.mark.parametrize(
    ("start", "length", "room", "expected"),
    [(0, 128, 700, (0, 128)), (640, 128, 700, (512, 128)), (64, 512, 300, (0, 300)), (9999, 64, 64, (0, 64))],
)
def test_a_part_lies_inside(start, length, room, expected):
    assert inside(start, length, room) == expected


def test_a_part_is_what_it_is_in_the_whole(large):
    path, pixels = large
    engine = Engine(list_models())
    photo = engine.photo(crop(path, 350, 250, 128), 128)
    assert photo.note == "128 × 128 pixels at 1:1, from 256, 192 of 700 × 500."
    rows, columns = slice(192, 320), slice(256, 384)
    assert np.array_equal(photo.pixels, pixels[rows, columns])
    whole = reconstruct(load(LOCAL), pixels).pixels[rows, columns]
    result = engine.run(LOCAL, photo)
    assert np.abs(result.pixels.astype(int) - whole).max() <= 1 and (result.pixels != whole).mean() < 1e-3
    assert result.metrics["bits_per_image"] == 32 * 32 * 10 and not result.metrics["alone"]
    alone = engine.run(WHOLE, photo)
    assert alone.metrics["alone"] and np.array_equal(
        alone.pixels, reconstruct(load(WHOLE), pixels[rows, columns]).pixels
    )
    *_, last = compare(engine, crop(path, 350, 250, 128), 128, [LOCAL, WHOLE])
    captions = {picture["name"]: picture["caption"] for picture in last["viewer"]["pictures"]}
    assert captions[WHOLE].endswith("as a picture of its own") and "its own" not in captions[LOCAL]
