"""Every hostile file is refused in a sentence or read, by the loader and by the trainer, within its budget."""

import multiprocessing
import os
from dataclasses import replace

import numpy as np
import pytest

from trainers.data.pictures import Form, Unreadable, decode
from vqzoo.files.images import OWN_MACHINE, SPACE, ImageError, ImageLimits, load_image, worker
from vqzoo.files.images.exif import claimed_bytes

from . import make

pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning")


def refusal(data: bytes, limits: ImageLimits = OWN_MACHINE) -> str:
    with pytest.raises(ImageError) as caught:
        load_image(data, limits)
    return str(caught.value)


@pytest.mark.parametrize("limits", [OWN_MACHINE, SPACE], ids=["own", "space"])
@pytest.mark.parametrize("name", make.BEYOND_BOUNDS)
def test_what_breaks_a_bound_is_refused_before_anything_is_decoded(name, limits, monkeypatch):
    """The files are small enough for the decoders: that they are refused is not for the time that they take."""

    def load(self):
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    message = refusal(make.BEYOND_BOUNDS[name](), limits)
    assert "more than any picture needs" in message or "MiB to be decoded" in message or "too large" in message, message
    assert message.count(".") == 1 and message.endswith("."), message


REASONS = {
    "GIF of comments": "comments",
    "GIF of empty extensions": "comments",
    "JPEG of a thousand scans": "scans",
    "JPEG of hidden scans": "scans",
    "JPEG of empty segments": "segments",
    "JPEG of Exif segments": "EXIF",
    "JPEG of overlapping Exif entries": "EXIF",
    "JPEG of padding": "before its first scan",
    "JPEG of junk": "before its first scan",
    "PNG of text chunks": "chunks",
    "PNG of profiles": "chunks",
    "PNG of empty data": "chunks",
    "WebP of a large canvas": "MiB to be decoded",
}


@pytest.mark.parametrize("name", make.BEYOND_BOUNDS)
def test_the_sentence_names_what_there_is_too_much_of(name):
    assert REASONS[name] in refusal(make.BEYOND_BOUNDS[name]())


@pytest.mark.parametrize(
    ("name", "data"),
    {
        "some comments": make.gif_of_comments(10_000),
        "comments behind": make.gif_of_comments(100_000, after_first=True),
        "some extensions": make.gif_of_empty_extensions(100),
        "ten more scans": make.jpeg_of_scans(10),
        "many segments": make.jpeg_of_segments(200, bytes(1000)),
        "some padding": make.jpeg_of_padding(100),
        "texts": make.png_of_chunks(100),
        "small blocks": make.png_of_chunks(10_000, b"IDAT", b""),
        "usual EXIF": make.jpeg_of_segments(1, b"Exif\0\0" + make.overlapping_exif(6000)),
        "EXIF that only we look at": make.png_with_exif(make.overlapping_exif(2**20)),
    }.items(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_within_the_bounds_is_read(name, data):
    assert load_image(data).pixels.shape[2] == 3, name


def test_comments_behind_the_only_image_make_no_animation():
    assert load_image(make.gif_of_comments(3 * 2**20, after_first=True)).notes == ()


def test_what_overlapping_entries_claim_is_known_without_reading_them():
    assert claimed_bytes(make.overlapping_exif(6000)) == 500 * 6000


@pytest.mark.parametrize("name", make.FOR_A_WORKER)
def test_what_bounds_do_not_bound_is_decoded_in_a_process(name, monkeypatch):
    def never(*arguments, **settings):
        raise AssertionError("decoded in this process")

    data = make.FOR_A_WORKER[name]()
    monkeypatch.setattr("vqzoo.files.images.load.decode", never)
    try:
        assert load_image(data).pixels.ndim == 3
    except ImageError as error:
        assert str(error).endswith(".")


def test_a_process_that_takes_too_long_is_ended_and_the_next_picture_is_read():
    data = make.saved(make.noise(1500, 1500), "TIFF", compression="tiff_lzw")
    for _ in range(2):
        message = refusal(data, replace(OWN_MACHINE, seconds=1e-3))
        assert message == "The image takes more than 0.001 seconds to be decoded; save it again as PNG or JPEG."
        assert load_image(make.saved(make.noise(16, 16), "TIFF")).pixels.shape == (16, 16, 3)


def test_a_process_may_not_take_more_memory():
    """JPEG 2000 takes four bytes for each colour of a pixel, more than the check of its header counts on."""
    data = make.saved(make.noise(100, 100).resize((2000, 1500)), "JPEG2000")
    with pytest.raises(ImageError):
        load_image(data, replace(OWN_MACHINE, memory=31 * 10**6))
    assert load_image(data).pixels.shape == (1500, 2000, 3)


def test_a_process_that_dies_costs_one_picture_at_most(monkeypatch):
    data = make.saved(make.noise(16, 16), "TIFF")
    load_image(data)
    (idle,) = worker._idle[os.getpid()][-1:]
    idle.process.kill()
    idle.process.wait()
    assert load_image(data).pixels.shape == (16, 16, 3)
    monkeypatch.setattr(worker, "_receive", lambda stream: None)
    assert "damaged in a way that ends the program" in refusal(data)
    monkeypatch.undo()
    assert load_image(data).pixels.shape == (16, 16, 3)


def decoded_by(data: bytes) -> set[int]:
    """Return the processes that have decoded pictures for this one."""
    assert load_image(data).pixels.shape == (16, 16, 3)
    return {each.process.pid for each in worker._idle[os.getpid()]}


def test_a_forked_process_has_processes_of_its_own():
    """Fork, as PyTorch's loaders do on Linux: two that shared a pipe would get each other's pictures."""
    data = make.saved(make.noise(16, 16), "TIFF")
    ours = decoded_by(data)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        theirs = pool.apply(decoded_by, (data,))
    assert theirs and ours and not theirs & ours
    assert load_image(data).pixels.shape == (16, 16, 3)


MUTATIONS = dict(make.corpus())


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutated_pictures_are_read_alike_or_refused_alike(name):
    """The loader and the trainer agree, and nothing but ImageError and Unreadable comes out of them."""
    data, limits = MUTATIONS[name], replace(OWN_MACHINE, min_side=1)
    try:
        loaded = load_image(data, limits)
    except ImageError as error:
        message = str(error)
        assert message.endswith(".") and "\n" not in message and "object at 0x" not in message and len(message) < 200
        with pytest.raises(Unreadable):
            decode({"bytes": data, "path": None}, Form(8, 3))
        return
    assert loaded.pixels.dtype == np.uint8 and loaded.pixels.ndim == 3
    height, width = loaded.pixels.shape[:2]
    if height == width:
        square = decode({"bytes": data, "path": None}, Form(height, 3))
        assert np.array_equal(square.transpose(1, 2, 0), loaded.pixels)


def test_mutations_stay_the_same_and_differ():
    assert 50 <= len(MUTATIONS) <= 100 and dict(make.corpus()) == MUTATIONS
    assert len(set(MUTATIONS.values())) == len(MUTATIONS)
