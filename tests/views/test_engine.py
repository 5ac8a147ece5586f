"""One lock, bounded memory, the same answer every time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from vqzoo.files.images import ImageError
from vqzoo.hub.registry import list_models
from vqzoo.views import compute
from vqzoo.views.engine import Engine, Recent
from vqzoo.views.job import Job


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_recent_keeps_the_last_used():
    recent: Recent[str, int] = Recent(2)
    made = []

    def get(key: str) -> int:
        return recent.get(key, lambda: made.append(key) or len(made))

    assert [get("a"), get("b"), get("a"), get("c"), get("a"), get("b")] == [1, 2, 1, 3, 1, 4]
    assert made == ["a", "b", "c", "b"], "a was used last when c came, so b had to go"


def test_what_is_found_counts_as_used():
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.find("a") == 1 and recent.find("unknown") is None
    recent.put("c", 3)
    assert recent.find("a") == 1 and recent.find("b") is None


def test_a_failure_is_not_remembered():
    recent: Recent[str, int] = Recent(2)
    with pytest.raises(ZeroDivisionError):
        recent.get("a", lambda: 1 // 0)
    assert recent.get("a", lambda: 5) == 5


def test_the_same_photograph_gives_the_same_bytes(path):
    name = list_models()[0].name
    first, second = (Engine(list_models()) for _ in range(2))
    one = first.run(name, first.photo(path, 64))
    two = second.run(name, second.photo(path, 64))
    assert np.array_equal(one.pixels, two.pixels)


def test_computations_never_overlap(engine, path, monkeypatch):
    inside, most = 0, 0
    real = compute.reconstruct

    def slow(*args):
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.05)
        inside -= 1
        return real(*args)

    monkeypatch.setattr(compute, "reconstruct", slow)
    photos = [engine.photo(path, side) for side in (16, 24, 32, 40)]
    name = next(iter(engine.models))
    threads = [threading.Thread(target=engine.run, args=(name, photo)) for photo in photos]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_models_run_at_a_time_and_give_what_each_gives_alone(engine, path, two_threads):
    names = [model.name for model in list_models()[:5]]
    photo = engine.photo(path, 48)
    together = list(engine.run_all(list(map(Job, names)), photo))
    alone = Engine(list_models())
    for name, result in zip(names, together, strict=True):
        expected = alone.run(name, alone.photo(path, 48))
        assert np.abs(result.pixels.astype(int) - expected.pixels).max() <= 1, "threads round differently"
        assert result.metrics["psnr"] == pytest.approx(expected.metrics["psnr"], abs=0.01)


def test_at_most_as_many_run_at_a_time_as_there_are_threads(engine, path, monkeypatch, two_threads):
    inside, most, lock = 0, 0, threading.Lock()
    real = compute.reconstruct

    def slow(*args):
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.1)
        with lock:
            inside -= 1
        return real(*args)

    monkeypatch.setattr(compute, "reconstruct", slow)
    names = [model.name for model in list_models()[:7]]
    list(engine.run_all(list(map(Job, names)), engine.photo(path, 24)))
    assert most == 2


def test_a_model_that_fails_is_reported_in_its_turn(engine, path, two_threads):
    outcomes = engine.run_all(
        [Job(list_models()[0].name), Job("unknown"), Job(list_models()[1].name)], engine.photo(path, 40)
    )
    assert next(outcomes).metrics["psnr"] > 0
    with pytest.raises(ValueError, match="unknown is no longer offered"):
        next(outcomes)


def test_models_go_on_while_their_results_are_drawn(engine, path, two_threads):
    names = [model.name for model in list_models()[:5]]
    photo = engine.photo(path, 44)
    outcomes = engine.run_all(list(map(Job, names)), photo)
    next(outcomes)
    deadline = time.monotonic() + 60
    while len(engine._results._values) < len(names) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(engine.cached(names, photo)) == len(names), "and others have their turn"
    assert len(list(outcomes)) == 4


def test_a_consumer_that_stops_lets_others_have_their_turn(engine, path, monkeypatch, two_threads):
    real, done, lock = compute.reconstruct, [], threading.Lock()

    def slow(*args):
        time.sleep(0.1)
        result = real(*args)
        with lock:
            done.append(result)
        return result

    monkeypatch.setattr(compute, "reconstruct", slow)
    names = [model.name for model in list_models()[:9]]
    photo = engine.photo(path, 36)
    outcomes = engine.run_all(list(map(Job, names)), photo)
    next(outcomes)
    outcomes.close()
    count = len(done)
    assert count < len(names), "those that did not begin never do"
    assert engine.run(names[0], photo) and len(done) == count


def test_large_photographs_have_all_threads_for_one_model(two_threads):
    small, large = (np.zeros((side, side, 3), np.uint8) for side in (1024, 1025))
    assert compute.at_a_time(small, torch.device("cpu")) == 2
    assert compute.at_a_time(large, torch.device("cpu")) == 1
    assert compute.at_a_time(small, torch.device("cuda")) == 1


def test_nobody_waits_for_a_picture_of_somebody_else(engine, path, monkeypatch):
    known, begun, go_on = engine.photo(path, 48), threading.Event(), threading.Event()

    def slow(*args):
        begun.set()
        go_on.wait(60)
        raise ImageError("It took ten seconds.")

    monkeypatch.setattr("vqzoo.views.engine._read", slow)
    with ThreadPoolExecutor(1) as pool:
        decoding = pool.submit(engine.photo, path, 56)
        assert begun.wait(60)
        assert engine.run(next(iter(engine.models)), known).pixels.shape == (48, 48, 3)
        assert not decoding.done()
        go_on.set()
        assert isinstance(decoding.exception(), ImageError)


def test_a_photograph_is_capped_and_says_so(engine, path):
    photo = engine.photo(path, 32)
    assert photo.pixels.shape == (32, 32, 3)
    assert "shrunk from 256 x 256 to 32 x 32" in photo.note
    assert engine.photo(path, 1024).pixels.shape == (256, 256, 3), "a photograph is never enlarged"


def test_a_file_that_is_no_picture(engine, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    with pytest.raises(ImageError, match="cannot be read as an image"):
        engine.photo(str(bad), 256)


def test_the_device_is_described(engine):
    device = engine.describe_device()
    assert 0 < device.used < device.total
    assert device.name
