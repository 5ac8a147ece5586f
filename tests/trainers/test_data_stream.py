"""A stream is read once an epoch, shuffled, shared out among processes, and taken up exactly where it was left."""

import json
from collections import Counter
from contextlib import closing
from itertools import islice

import numpy as np
import pytest
import torch
from PIL import Image

from trainers.data import streamed
from trainers.data.augment import Augment
from trainers.data.open import open_feed

FILES, ROWS, HELD_OUT = 5, 7, 8
LEARNT = set(range(HELD_OUT, FILES * ROWS))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(streamed, "BLOCK", 5)
    monkeypatch.setattr(streamed, "_CHUNK", 2)


@pytest.fixture(scope="module")
def shards(tmp_path_factory, write_shards):
    """35 images in five files; image n is of value n on its left and n + 100 on its right."""
    values = [np.repeat([[[number] * 3, [number + 100] * 3]], 2, 0) for number in range(FILES * ROWS)]
    images = [Image.fromarray(value.astype(np.uint8)) for value in values]
    files = [images[start : start + ROWS] for start in range(0, len(images), ROWS)]
    return write_shards(tmp_path_factory.mktemp("shards") / "numbers", train=files, test=[images[:2]])


@pytest.fixture
def feed(shards, tiny):
    """feed(rank=0, world_size=1, **changes of the recipe): a stream of `shards`."""

    def build(rank: int = 0, world_size: int = 1, **changes):
        recipe = tiny(**{"dataset": "numbers", "resolution": 2, "batch_size": 6, "held_out": HELD_OUT, **changes})
        return open_feed(recipe, str(shards), "stream", 2, rank=rank, world_size=world_size)[0]

    return build


def take(feed, num: int, start: int = 0, state=None) -> list[torch.Tensor]:
    with closing(feed.batches(start, state)) as batches:
        return list(islice(batches, num))


def numbers(batches: list[torch.Tensor]) -> list[int]:
    return torch.cat(batches)[:, 0, 0].amin(1).tolist()


def epochs(seen: list[int], sizes: int) -> list[list[int]]:
    return [seen[start : start + sizes] for start in range(0, len(seen) - sizes + 1, sizes)]


def test_the_first_images_are_held_out_and_never_trained_on(shards, tiny, feed):
    recipe = tiny(dataset="numbers", resolution=2, batch_size=6, held_out=HELD_OUT)
    _, held_out = open_feed(recipe, str(shards), "stream")
    assert numbers([held_out]) == list(range(HELD_OUT)) and held_out.shape == (HELD_OUT, 3, 2, 2)
    assert not set(numbers(take(feed(), 40))) & set(range(HELD_OUT))


def test_every_image_once_an_epoch_in_a_new_order(feed):
    passes = epochs(numbers(take(feed(), 45)), len(LEARNT))
    assert len(passes) == 10
    assert all(sorted(each) == sorted(LEARNT) for each in passes)
    assert len(set(map(tuple, passes))) == 10
    assert len({each[0] // ROWS for each in passes}) > 1, "the same file comes first in every epoch"


def test_images_of_a_block_are_shuffled_and_blocks_are_not_mixed(feed):
    seen = numbers(take(feed(), 9))[: len(LEARNT)]
    blocks = [seen[start : start + 5] for start in range(0, len(seen), 5)]
    assert any(block != sorted(block) for block in blocks)
    order = {number: block for block, numbers in enumerate(blocks) for number in numbers}
    files = [[number for number in range(file * ROWS, file * ROWS + ROWS) if number in LEARNT] for file in range(FILES)]
    files = sorted(filter(None, files), key=lambda file: np.mean([order[number] for number in file]))
    rows = [number for file in files for number in file]
    assert [sorted(block) for block in blocks] == [sorted(rows[start : start + 5]) for start in range(0, 27, 5)]


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_an_epoch_without_a_rest(feed, world_size):
    """Four files are left: two processes deal out files, three deal out rows."""
    feeds = [feed(rank, world_size, batch_size=world_size) for rank in range(world_size)]
    assert {one._deals_shards for one in feeds} == {world_size == 2}
    seen = [numbers(take(one, 14)) for one in feeds]
    if world_size == 2:  # the second file has lost its first image to those held out
        shares = [share[: 13 if min(share) < 2 * ROWS else 14] for share in seen]
    else:
        shares = [share[:9] for share in seen]
    assert sorted(number for share in shares for number in share) == sorted(LEARNT)


@pytest.mark.parametrize(("rank", "world_size"), [(0, 1), (1, 2), (1, 3)])
def test_taken_up_at_any_batch_it_goes_on_the_same(feed, rank, world_size):
    changes = {"flip": True, "scale": (0.5, 1.0)}
    expected = take(feed(rank, world_size, **changes), 14)
    running = feed(rank, world_size, **changes)
    states = [running.state()]
    with closing(running.batches(0)) as batches:
        for _ in range(10):
            next(batches)
            states.append(json.loads(json.dumps(running.state())))
    assert len({str(state) for state in states}) == 11
    again = feed(rank, world_size, **changes)
    for number, state in enumerate(states):
        with closing(again.batches(number, state)) as batches:
            assert again.state() == state
            assert all(map(torch.equal, islice(batches, 4), expected[number : number + 4])), number


def test_what_is_drawn_does_not_depend_on_the_process(feed):
    """Of each image in its first epoch: mirrored or not."""

    def mirrored(batches: list[torch.Tensor]) -> dict[int, bool]:
        seen: dict[int, bool] = {}
        for number, image in zip(numbers(batches), torch.cat(batches), strict=True):
            seen.setdefault(number, bool(image[0, 0, 0] > image[0, 0, 1]))
        return seen

    whole = mirrored(take(feed(flip=True), 5))
    shared = [mirrored(take(feed(rank, 3, flip=True, batch_size=3), 9)) for rank in range(3)]
    assert Counter(whole.values()).keys() == {True, False}
    assert {number: way for one in shared for number, way in one.items()} == {**whole}


def test_the_seed_changes_the_order(feed):
    assert len({tuple(numbers(take(feed(seed=seed), 5))) for seed in range(4)}) == 4


def test_what_a_stream_cannot_go_on_from(feed, tiny, shards):
    state = feed().state()
    with pytest.raises(ValueError, match="as many processes as it was saved with: 1, not 2"):
        feed(0, 2).batches(1, state)
    with pytest.raises(ValueError, match="not loading='stream' until now"):
        feed().batches(1, None)
    with pytest.raises(ValueError, match="'numbers' had 4 shards when this run began and has 5 now"):
        feed().batches(1, {**state, "shards": 4})
    with pytest.raises(ValueError, match="train_images: a stream is always used as a whole"):
        feed(train_images=5)


def test_a_process_without_images(feed):
    with pytest.raises(ValueError, match="'numbers': no images left for process 2"):
        take(feed(2, 3, batch_size=3, held_out=33), 1)


def test_a_file_that_is_deleted_meanwhile(tmp_path, write_shards, tiny):
    images = [Image.new("RGB", (2, 2), (number,) * 3) for number in range(40)]
    folder = write_shards(tmp_path / "going", train=[images[:10], images[10:20], images[20:]], test=[images[:1]])
    feed, _ = open_feed(tiny(dataset="going", resolution=2, batch_size=2, held_out=1), str(folder), "stream")
    with closing(feed.batches(0)) as batches:
        next(batches)
        (folder / "train-00001-of-00003.parquet").unlink()
        with pytest.raises(OSError, match="data set 'going': shard 1 of 3 can no longer be read .*--resume"):
            for _ in range(40):
                next(batches)


def test_what_is_drawn_is_what_augment_draws(feed):
    """The index is the file's number and the row's in it, so that it is the same for any order of files."""
    images = torch.cat(take(feed(flip=True), 14))
    augment = Augment(2, 2, flip=True, seed=42)
    for position, (number, image) in enumerate(zip(numbers([images]), images, strict=True)):
        original = torch.tensor([[number, number + 100]] * 2, dtype=torch.uint8).expand(1, 3, 2, 2)
        index = number // ROWS * 2**40 + number % ROWS
        drawn = augment(original, torch.tensor([position // len(LEARNT)]), torch.tensor([index]))
        assert torch.equal(drawn[0], image)
