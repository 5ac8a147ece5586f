"""A run that goes on, read while it is written."""

import json
import os
import time

import numpy as np
import pytest
from PIL import Image

from vqzoo.views.live import follow, newest_run, signature, status

ROW = {"loss": 1.0, "images_per_second": 20.0}


@pytest.fixture
def run(tmp_path):
    """Half-way through 400 steps of 10 images, evaluated once."""
    folder = tmp_path / "runs" / "tiny"
    (folder / "samples").mkdir(parents=True)
    (folder / "recipe.json").write_text(json.dumps({"steps": 400, "batch_size": 10}))
    rows = [{"step": step, **ROW} for step in (50, 100, 150, 200)]
    rows.insert(2, {"step": 100, "held_out": 0.5, "held_out/l1": 0.25, "seconds": 1.0})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Image.fromarray(np.full((4, 6, 3), 7, np.uint8)).save(folder / "samples" / "step-00000100.png")
    return folder


def append(run, text):
    with (run / "metrics.jsonl").open("a") as file:
        file.write(text)


def test_how_far_it_is_and_how_long_it_will_take(run):
    live = follow(str(run))
    assert (live.step, live.steps, live.rate, live.finished) == (200, 400, 20.0, False)
    message = status(live)
    assert "step 200 of 400" in message and "20 images a second" in message
    assert "about 100 minutes" not in message and "about 2 minutes to go" in message, (
        "200 steps of 10 images at 20 a second"
    )
    assert "best held-out loss 0.5 at step 100" in message and 'value="0.5000"' in message
    step, pixels = live.samples
    assert step == 100 and pixels.shape == (4, 6, 3) and (pixels == 7).all()


def test_a_line_that_is_being_written_waits(run):
    before = follow(str(run)).training
    append(run, '{"step": 250, "los')
    assert follow(str(run)).training.train == before.train
    append(run, 's": 0.5}\n')
    assert follow(str(run)).step == 250


def test_a_picture_that_is_being_written_waits(run):
    whole = (run / "samples" / "step-00000100.png").read_bytes()
    (run / "samples" / "step-00000200.png").write_bytes(whole[: len(whole) // 2])
    assert follow(str(run)).samples[0] == 100
    (run / "samples" / "step-00000200.png").write_bytes(whole)
    assert follow(str(run)).samples[0] == 200


def test_a_finished_run_says_so(run):
    append(run, json.dumps({"step": 400, **ROW}) + "\n")
    live = follow(str(run))
    assert live.finished and "all steps are done" in status(live) and "to go" not in status(live)


def test_a_run_that_writes_no_more_is_told_of(run):
    before = time.time() - 600
    os.utime(run / "metrics.jsonl", (before, before))
    assert "no new row for 10 minutes" in status(follow(str(run)))


def test_warnings_are_text(run):
    append(run, json.dumps({"step": 200, "warning": "collapse", "text": "<b>step 200</b>"}) + "\n")
    live = follow(str(run))
    assert live.training.warnings == [(200, "collapse", "<b>step 200</b>")]
    assert "<b>" not in status(live) and "&lt;b&gt;step 200" in status(live)


def test_nothing_is_read_again_until_something_was_written(run):
    before = signature(str(run))
    assert signature(str(run)) == before
    append(run, json.dumps({"step": 250, **ROW}) + "\n")
    after = signature(str(run))
    assert after != before
    Image.new("RGB", (2, 2)).save(run / "samples" / "step-00000200.png")
    assert signature(str(run)) != after
    assert signature("/no/such/folder") == signature("/no/such/folder")


def test_what_is_no_run_is_told(run, tmp_path):
    with pytest.raises(ValueError, match="Name the folder"):
        follow("  ")
    with pytest.raises(ValueError, match="There is no folder"):
        follow(str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match="There is no folder"):
        follow("a\0b")
    with pytest.raises(ValueError, match="holds no recipe.json"):
        follow(str(tmp_path))
    (run / "metrics.jsonl").write_text('{"step": 5')
    with pytest.raises(ValueError, match="no row yet"):
        follow(str(run))
    (run / "metrics.jsonl").write_text("[1]\n")
    with pytest.raises(ValueError, match="not that of a run"):
        follow(str(run))


def test_the_newest_run_is_the_one_written_to_last(run):
    other = run.parent / "other"
    other.mkdir()
    (other / "metrics.jsonl").write_text("")
    os.utime(other / "metrics.jsonl", (1, 1))
    assert newest_run(run.parent) == run
    assert newest_run(run.parent / "nothing") is None
