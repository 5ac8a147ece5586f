"""The images of a recipe come the same from memory and from a mapped file, and to one process as to several."""

import gc
import io
import multiprocessing
import multiprocessing.queues
import os
import signal
import threading
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

import datasets
import pytest
import torch
from torch import Tensor, distributed

import trainers.data.open
from trainers.data.broadcast import read_and_broadcast
from trainers.data.mapped import Mapped, explain_dead_workers
from trainers.data.memory import Batches, hold_out, load_images
from trainers.data.open import open_feed
from trainers.loop import checkpoint
from vqzoo.ops.prefetch import prefetch

LOOKS = {"whole": {}, "crop": {"crop": 12, "flip": True}, "resized": {"scale": (0.3, 1.0), "flip": True}}


def take(feed, num: int, start: int = 0, state=None) -> list[Tensor]:
    with closing(feed.batches(start, state)) as batches:
        return list(islice(batches, num))


def assert_same(ours: list[Tensor], others: list[Tensor]) -> None:
    assert len(ours) == len(others) and all(map(torch.equal, ours, others))


def test_nothing_asked_for_is_what_the_files_hold(data, tiny):
    feed, held_out = open_feed(tiny(), str(data))
    stored, last = hold_out(load_images("pictures", "train", 16, 3, str(data)), 8)
    assert torch.equal(held_out, last)
    assert_same(take(feed, 12), [Batches(stored, 8, 42).at(number) for number in range(12)])
    assert feed.state() is None and feed.bad.count == 0 and feed.bad.names() == []


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("look", LOOKS)
def test_mapped_batches_are_those_of_memory(data, tiny, look, workers):
    recipe = tiny(batch_size=12, **LOOKS[look])  # an epoch of 40 is no multiple
    memory, held_out = open_feed(recipe, str(data), "memory")
    mapped, mapped_held_out = open_feed(recipe, str(data), "mapped", workers)
    assert isinstance(memory, Batches) and isinstance(mapped, Mapped)
    assert torch.equal(held_out, mapped_held_out)
    expected = take(memory, 9)
    assert expected[0].shape == (12, 3, recipe.side, recipe.side) and expected[0].dtype == torch.uint8
    assert_same(take(mapped, 9), expected)
    assert_same(take(mapped, 4, start=5), expected[5:])
    assert_same(take(memory, 4, start=5), expected[5:])


@pytest.mark.parametrize("loading", ["memory", "mapped"])
@pytest.mark.parametrize("world_size", [2, 3])
def test_shares_joined_are_the_batch(data, tiny, loading, world_size):
    recipe = tiny(batch_size=6, crop=12, flip=True)
    whole = take(open_feed(recipe, str(data), loading)[0], 8)
    feeds = [open_feed(recipe, str(data), loading, rank=rank, world_size=world_size)[0] for rank in range(world_size)]
    shares = zip(*[take(feed, 8) for feed in feeds], strict=True)
    assert_same([torch.cat(share) for share in shares], whole)


def test_parts_of_a_step_joined_are_the_step(data, tiny):
    whole = take(open_feed(tiny(flip=True), str(data))[0], 6)
    parts = take(open_feed(tiny(flip=True, accumulate=2), str(data))[0], 12)
    assert_same([torch.cat(parts[number : number + 2]) for number in range(0, 12, 2)], whole)


def test_fewer_images_to_learn_from(data, tiny):
    feed, held_out = open_feed(tiny(train_images=4, batch_size=4), str(data), "mapped")
    images = load_images("pictures", "train", 16, 3, str(data))
    assert torch.equal(held_out, images[-8:])
    for batch in take(feed, 3):
        assert sorted(image.numpy().tobytes() for image in batch) == sorted(i.numpy().tobytes() for i in images[:4])


def test_auto_is_memory_as_long_as_it_suffices(data, tiny, monkeypatch):
    monkeypatch.setattr(trainers.data.open, "MEMORY_BYTES", 48 * 16 * 16 * 3)
    assert isinstance(open_feed(tiny(), str(data))[0], Batches)
    monkeypatch.setattr(trainers.data.open, "MEMORY_BYTES", 48 * 16 * 16 * 3 - 1)
    assert isinstance(open_feed(tiny(), str(data))[0], Mapped)
    assert isinstance(open_feed(tiny(train_images=39), str(data))[0], Batches)


@pytest.mark.parametrize("loading", ["memory", "mapped", "stream"])
def test_mistakes_show_at_the_start(data, tiny, tmp_path, pictures, write_dataset, loading):
    with pytest.raises(ValueError, match="batch_size=8: expected a multiple of the 3 processes"):
        open_feed(tiny(), str(data), loading, world_size=3)
    with pytest.raises(ValueError, match="batch_size=8, accumulate=4: expected parts of a multiple of the 4 processes"):
        open_feed(tiny(accumulate=4), str(data), loading, world_size=4)
    with pytest.raises(ValueError, match="held_out=48: expected from 1 to 47, the train split less one"):
        open_feed(tiny(held_out=48), str(data), loading)
    with pytest.raises(ValueError, match="train_images"):
        open_feed(tiny(train_images=41), str(data), loading)
    folder = write_dataset(tmp_path / "half", test=pictures(12, 0))
    with pytest.raises(ValueError, match="no split 'train'; it has: test"):
        open_feed(tiny(), str(folder), loading)
    if loading == "stream":
        with pytest.raises(ValueError, match="no test split, and a stream cannot be divided"):
            open_feed(tiny(), str(write_dataset(tmp_path / "whole", train=pictures(12, 0))), loading)
    with pytest.raises(ValueError, match="loading='disk': expected one of auto, memory, mapped, stream"):
        open_feed(tiny(), str(data), "disk")


@pytest.mark.parametrize("loading", ["memory", "mapped"])
def test_a_streams_checkpoint_is_not_for_other_loading(data, tiny, loading):
    state = open_feed(tiny(), str(data), "stream")[0].state()
    with pytest.raises(ValueError, match="loading='stream' until now"):
        open_feed(tiny(), str(data), loading)[0].batches(3, state)


@pytest.mark.parametrize("loading", ["memory", "mapped", "stream"])
def test_the_training_does_not_see_how_it_is_fed(data, tiny, loading):
    """Else a resumed run would draw other random numbers than one that was not stopped."""
    before = torch.get_rng_state()
    feed, _ = open_feed(tiny(scale=(0.5, 1.0), flip=True), str(data), loading)
    take(feed, 7)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("loading", ["mapped", "stream"])
def test_nothing_is_left_running(data, tiny, loading):
    take(open_feed(tiny(), str(data), loading, workers=2)[0], 3)
    assert not multiprocessing.active_children()
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]


def test_a_reading_process_that_dies_during_a_step_is_named(data, tiny):
    """PyTorch raises where the program is, as a signal."""
    feed, _ = open_feed(tiny(), str(data), "mapped", workers=1)
    with closing(feed.batches(0)) as batches, pytest.raises(OSError, match=GONE), explain_dead_workers():
        next(batches)
        kill_reader()
        time.sleep(30)  # the step


def test_a_reading_process_that_dies_as_a_checkpoint_is_saved_is_named(tmp_path, monkeypatch):
    """The signal's error leaves an archive half written, of which PyTorch then complains instead."""

    class Dying(io.FileIO):
        def write(self, data):
            if len(data) > 1_000_000:
                raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")
            return super().write(data)

    monkeypatch.setattr(Path, "open", lambda path, mode: Dying(path, mode))
    with pytest.raises(OSError, match=GONE) as caught, explain_dead_workers():
        checkpoint.write(tmp_path / "step.pt", {"weight": torch.ones(1_000_000)})
    assert "unexpected pos" in str(caught.value.__cause__) and not list(tmp_path.iterdir())


def test_a_reading_process_that_is_found_dead_is_named(data, tiny, monkeypatch):
    waits = torch.utils.data.dataloader._MultiProcessingDataLoaderIter._try_get_data
    monkeypatch.setattr(waits, "__defaults__", (0.1,))  # seconds until it looks, instead of five
    feed, _ = open_feed(tiny(), str(data), "mapped", workers=1)
    with closing(feed.batches(0)) as batches:
        next(batches)
        handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # as where the signal went to another thread
        try:
            kill_reader()
            with pytest.raises(OSError, match=GONE):
                list(islice(batches, 9))
        finally:
            signal.signal(signal.SIGCHLD, handler)


def test_an_error_keeps_no_reader_of_images(data, tiny, monkeypatch):
    """If only the garbage collector found it, and in a process forked since, that process would wait for ever."""

    def die(*_):
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")

    reader = torch.utils.data.dataloader._MultiProcessingDataLoaderIter
    monkeypatch.setattr(reader, "_try_get_data", die)
    feed, _ = open_feed(tiny(), str(data), "mapped", workers=1)
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(OSError, match=GONE):
            next(feed.batches(0))
        assert not [thing for thing in gc.get_objects() if type(thing) is reader]
    finally:
        gc.enable()


GONE = "a process that reads images is gone .*--resume"


def kill_reader() -> None:
    (worker,) = multiprocessing.active_children()
    os.kill(worker.pid, signal.SIGKILL)


@pytest.mark.parametrize("error", [EOFError(), ConnectionRefusedError("refused"), FileNotFoundError("no socket")])
def test_a_reading_process_that_dies_as_it_hands_a_batch_over_is_named(data, tiny, monkeypatch, error):
    """It hangs up first and is gone a little later; PyTorch's signal for that must not find the run at its end."""
    feed, _ = open_feed(tiny(), str(data), "mapped", workers=1)
    with closing(feed.batches(0)) as batches:
        next(batches)
        (worker,) = multiprocessing.active_children()

        def fail(*_, **__):
            threading.Timer(0.3, worker.kill).start()
            raise error

        monkeypatch.setattr(multiprocessing.queues.Queue, "get", fail)
        with pytest.raises(OSError, match=GONE):
            next(batches)
        assert worker.exitcode == -signal.SIGKILL


def test_other_runtime_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="out of memory"), explain_dead_workers():
        raise RuntimeError("CUDA out of memory")


def test_images_that_are_files_beside_the_table(tmp_path, pictures):
    files = []
    for number, image in enumerate(pictures(3, 5)):
        files.append(str(tmp_path / f"{number}.png"))
        image.save(files[-1])
    paths = datasets.Dataset.from_dict({"image": [{"path": file, "bytes": None} for file in files]})
    folder = tmp_path / "named"
    folder.mkdir()
    paths.cast_column("image", datasets.Image(decode=False)).to_parquet(folder / "test.parquet")
    images = load_images("named", "test", 16, 3, str(folder))
    assert torch.equal(images, load_images("named", "test", 16, 3, str(folder), streaming=True))
    assert images.shape == (3, 3, 16, 16)


def test_streamed_reading_of_a_split_gives_the_same(data):
    for split in ("train", "test"):
        images = load_images("pictures", split, 16, 3, str(data))
        assert torch.equal(load_images("pictures", split, 16, 3, str(data), streaming=True), images)


def in_process(rank: int, folder: Path) -> None:
    """What each process got, and what error, written to a file of its own."""
    distributed.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=2)

    def read() -> list[Tensor]:
        (folder / f"read-{rank}").touch()
        return [torch.arange(5, dtype=torch.uint8), torch.tensor([[2**40]])]

    def fail() -> list[Tensor]:
        raise ValueError("no such set")

    message = io.StringIO()
    got = read_and_broadcast(read, torch.device("cpu"))
    try:
        read_and_broadcast(fail, torch.device("cpu"))
    except ValueError as error:
        message.write(str(error))
    torch.save({"got": got, "said": message.getvalue()}, folder / f"result-{rank}")
    distributed.destroy_process_group()


def test_one_process_reads_for_all(tmp_path):
    processes = [multiprocessing.get_context("fork").Process(target=in_process, args=(r, tmp_path)) for r in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert (tmp_path / "read-0").exists() and not (tmp_path / "read-1").exists()
    for rank in (0, 1):
        result = torch.load(tmp_path / f"result-{rank}")
        assert result["got"][0].tolist() == [0, 1, 2, 3, 4] and result["got"][1].tolist() == [[2**40]]
        assert result["said"] == "no such set"


def test_reading_ahead_keeps_the_order_and_its_bounds():
    drawn = []
    items = (drawn.append(number) or number for number in range(20))
    with closing(prefetch(lambda number: number**2, items, depth=3)) as results:
        assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
        assert len(drawn) == 8
    assert list(prefetch(lambda number: number + 1, range(3), depth=9)) == [1, 2, 3]


def test_reading_ahead_passes_errors_on():
    with pytest.raises(ZeroDivisionError):
        list(prefetch(lambda number: 1 // number, [2, 1, 0], depth=1))
