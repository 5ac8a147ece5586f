"""`vqzoo tokenize --engine ray`: the same bytes, whatever becomes of its workers."""

import threading
import time

import psutil
import pytest

from .conftest import contents, draw, tokenize

ray = pytest.importorskip("ray")


def actors() -> list[psutil.Process]:
    """Processes of the actors that have a shard in hand; an idle one is called ray::IDLE."""
    return [
        each for each in psutil.process_iter(["cmdline"]) if "ray::MapWorker" in " ".join(each.info["cmdline"] or [])
    ]


def test_the_same_bytes_with_a_worker_killed_twice(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # which would write a token into the home folder
    pictures = draw(tmp_path / "pictures", 60)
    options = ("--images-per-file", 2, "--batch-size", 2)
    assert tokenize(pictures, tmp_path / "whole", *options) == 0
    before = {process.pid for process in actors()}
    killed: set[int] = set()
    done = threading.Event()

    def kill_two() -> None:
        while len(killed) < 2 and not done.is_set():
            time.sleep(0.02)
            written = len(list((tmp_path / "out").glob("data/*.parquet")))
            if written <= 8 * len(killed):
                continue
            for process in actors():
                if process.pid not in before | killed:
                    process.kill()
                    killed.add(process.pid)
                    break

    killer = threading.Thread(target=kill_two)
    killer.start()
    try:
        assert tokenize(pictures, tmp_path / "out", *options, "--engine", "ray", "--actors", 1) == 0
    finally:
        done.set()
        killer.join()
        ray.shutdown()
    assert len(killed) == 2
    assert "train: 60 rows of 60 images" in capsys.readouterr().out
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_shards_and_ray_exclude_each_other(tmp_path, capsys):
    pictures = draw(tmp_path / "pictures", 2)
    assert tokenize(pictures, tmp_path / "out", "--engine", "ray", "--shard", "0/2") == 2
    assert "--engine ray divides the work itself" in capsys.readouterr().err
