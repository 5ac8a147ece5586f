"""A few images that cannot be read are named and done without; many end the run."""

import io
from contextlib import closing
from itertools import islice

import numpy as np
import pytest
import torch
from PIL import Image

from trainers.data.memory import load_images
from trainers.data.open import open_feed
from trainers.data.pictures import Form, StreamTally, Tally, Unreadable, decode


def picture(number: int) -> Image.Image:
    return Image.new("RGB", (2, 2), (number,) * 3)


def cut(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.resize((64, 64)).save(file, "JPEG")
    return file.getvalue()[:-200]


@pytest.fixture
def broken(tmp_path, write_shards, tiny):
    """broken(*bad, num=100): a set in two files with these rows of its train split broken, and how to open it."""

    def build(*bad: int, num: int = 100):
        rows = [(cut(picture(n)) if n % 2 else b"nothing") if n in bad else picture(n) for n in range(num)]
        folder = write_shards(tmp_path / "broken", train=[rows[: num // 2], rows[num // 2 :]], test=[[picture(0)]])

        def opened(loading: str, share: float = 0.01, workers: int = 0, **changes):
            recipe = tiny(**{"dataset": "broken", "resolution": 2, "held_out": 10, "batch_size": 9, **changes})
            return open_feed(recipe, str(folder), loading, workers, share)

        return folder, opened

    return build


def take(feed, num: int) -> torch.Tensor:
    with closing(feed.batches(0)) as batches:
        return torch.cat(list(islice(batches, num)))


def numbers(images: torch.Tensor) -> list[int]:
    return images[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("loading", ["memory", "mapped", "stream"])
@pytest.mark.parametrize("bad", [40, 41])
def test_one_in_a_hundred_is_named_and_done_without(broken, capfd, loading, bad):
    _, opened = broken(bad)
    feed, _ = opened(loading)
    seen = numbers(take(feed, 10))
    printed = capfd.readouterr().out
    where = {"stream": f"shard 0, row {bad}"}.get(loading, f"row {bad}")
    reason = {40: "cannot be read as an image", 41: "cut short or damaged"}[bad]
    assert printed.count("\n") == 1 and "data set 'broken', split 'train': " in printed
    assert f"{where} " in printed and reason in printed.split(where)[1]
    assert feed.bad.count == 1 and len(feed.bad.names()) == 1
    assert feed.bad.names()[0].startswith(f"{where} (")
    if loading == "stream":
        assert sorted(seen[:89]) == [number for number in range(10, 100) if number != bad]
    else:  # the next stands in
        assert sorted(seen) == sorted([*range(bad), bad + 1, bad + 1, *range(bad + 2, 90)])


@pytest.mark.parametrize("loading", ["memory", "mapped"])
def test_five_in_a_hundred_end_the_run(broken, loading):
    _, opened = broken(3, 20, 21, 50, 84)
    message = r"'broken', split 'train': 2 of 100 images cannot be read \(2.00%, allowed are 1.00%\): row \d+ \("
    with pytest.raises(ValueError, match=message):
        take(opened(loading)[0], 10)
    assert opened(loading, share=0.05)[0] is not None


def test_five_in_a_hundred_end_a_stream(broken):
    """A share is of a thousand images at least."""
    _, opened = broken(13, 20, 21, 50, 84)
    with pytest.raises(ValueError, match=r"11 of 1000 images cannot be read .*: shard \d, row \d+ \("):
        take(opened("stream")[0], 40)
    assert len(take(opened("stream", share=0.06)[0], 40)) == 360


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("bad", [(89,), (5, 6, 7), (0, 88, 89)], ids=str)
def test_mapped_batches_are_those_of_memory_all_the_same(broken, bad, workers):
    """The last row's successor is the first, not one that is held out."""
    _, opened = broken(*bad)
    looks = {"flip": True, "scale": (0.4, 1.0)}
    memory, mapped = [opened(loading, 0.03, workers, **looks)[0] for loading in ("memory", "mapped")]
    assert torch.equal(take(mapped, 23), take(memory, 23))
    assert mapped.bad.count == memory.bad.count == len(bad)
    assert set(mapped.bad.names()) == set(memory.bad.names())


@pytest.mark.parametrize("loading", ["memory", "mapped"])
def test_no_held_out_image_comes_twice(broken, loading):
    _, opened = broken(92, 99)
    feed, held_out = opened(loading, 0.02)
    assert numbers(held_out) == [90, 91, 93, 94, 95, 96, 97, 98]
    assert feed.bad.count == 2


def test_a_stream_holds_out_as_many_as_asked_for(broken):
    _, opened = broken(3)
    feed, held_out = opened("stream")
    assert numbers(held_out) == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10]
    assert set(numbers(take(feed, 10))) == set(range(11, 100)) and feed.bad.count == 1


def test_loaded_images_lack_the_bad_ones(broken, capsys):
    folder, _ = broken(7)
    expected = [number for number in range(100) if number != 7]
    for streaming in (False, True):
        assert numbers(load_images("broken", "train", 2, 3, str(folder), streaming=streaming)) == expected
        rows = 1000 if streaming else 100
        assert f"1 of {rows} images cannot be read, and are left out: row 7 (" in capsys.readouterr().out
        with pytest.raises(ValueError, match="cannot be read"):
            load_images("broken", "train", 2, 3, str(folder), bad_share=0.0, streaming=streaming)


@pytest.mark.parametrize("loading", ["memory", "mapped", "stream"])
def test_none_can_be_read(broken, loading):
    _, opened = broken(*range(100))
    with pytest.raises(ValueError):
        take(opened(loading, share=1.0)[0], 1)


@pytest.mark.parametrize("cell", [None, {"bytes": None, "path": None}, {"bytes": None, "path": "/no/such.png"}])
def test_a_cell_without_an_image(cell):
    with pytest.raises(Unreadable):
        decode(cell, Form(2, 3))


def test_an_image_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    file = io.BytesIO()
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    Image.fromarray(pixels).save(file, "PNG", exif=exif)
    turned = decode({"bytes": file.getvalue(), "path": None}, Form(2, 3))
    assert np.array_equal(turned.transpose(1, 2, 0), pixels[::-1, ::-1])


def test_a_tally_names_the_first_and_counts_all():
    tally = Tally("set", "train", 100, 0.06)
    for row in range(6):
        assert tally.add(f"row {row}", "cut")
    with pytest.raises(ValueError, match=r"7 of 100 .*7.00%.*: row 0 \(cut\), .*, row 4 \(cut\), \.\.\.; "):
        tally.add("row 6", "cut")
    assert len(tally.names()) == 7


def test_a_streams_tally_counts_readings():
    tally = StreamTally("set", "train", 0.001)
    for _ in range(2000):
        tally.add_read()
    assert tally.add("row 0", "cut") and not tally.add("row 0", "cut")
    with pytest.raises(ValueError, match="3 of 2000"):
        tally.add("row 1", "cut")
