"""Reading what a training run wrote down."""

import json
import math

from vqzoo.analysis.log import by_size, columns, curves, thin

ROWS = [
    {"step": 50, "loss": 2.0, "commitment": 1.0, "usage": 0.5, "selection/4 x 2": 0.25, "images_per_second": 9.0},
    {"step": 50, "warning": "collapse", "text": "step 50: ..."},
    {"step": 100, "loss": math.nan, "commitment": 0.5},
    {"step": 100, "held_out": 3.0, "held_out/l1": 0.25, "gradient_gap": 0.125, "seconds": 4.0},
]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 150, "lo')
    return path


def test_columns_are_of_one_length_and_hold_numbers_alone():
    train, held_out = columns(ROWS)
    assert train == {
        "step": [50, 100],
        "loss": [2.0, None],
        "commitment": [1.0, 0.5],
        "usage": [0.5, None],
        "selection/4 x 2": [0.25, None],
        "images_per_second": [9.0, None],
    }
    assert held_out == {"step": [100], "loss": [3.0], "l1": [0.25], "gradient_gap": [0.125]}


def test_a_card_keeps_codebooks_and_rate_but_not_the_speed_of_the_machine(tmp_path):
    stored = curves(write(tmp_path / "metrics.jsonl", ROWS))
    assert stored["train"].keys() == {"step", "loss", "commitment", "usage", "selection/4 x 2"}
    assert stored["held_out"] == {"step": [100], "loss": [3.0], "l1": [0.25], "gradient_gap": [0.125]}


def test_of_a_long_run_fifty_rows_are_kept_and_the_best(tmp_path):
    rows = [{"step": step, "loss": 1 / 3 + step} for step in range(1, 1001)]
    rows += [{"step": step, "held_out": 1.0 if step == 333 else 2.0} for step in range(1, 1001)]
    stored = curves(write(tmp_path / "metrics.jsonl", rows))
    train, held_out = stored["train"], stored["held_out"]
    assert len(train["step"]) == 50 and (train["step"][0], train["step"][-1]) == (1, 1000)
    gaps = {b - a for a, b in zip(train["step"], train["step"][1:], strict=False)}
    assert gaps <= {20, 21}, "evenly spaced"
    assert train["loss"][0] == 1.33333 and all(isinstance(step, int) for step in train["step"])
    assert len(held_out["step"]) == 51 and held_out["loss"][held_out["step"].index(333)] == 1.0


def test_thinning_keeps_the_spikes():
    steps, values = list(range(5000)), [1.0] * 5000
    values[3141], values[2] = 99.0, -5.0
    at, stored = thin(steps, values, 200)
    assert len(stored) <= 200 and at == sorted(set(at))
    assert stored[at.index(3141)] == 99 and stored[at.index(2)] == -5
    assert thin(steps[:200], values[:200], 200) == (steps[:200], values[:200])


def test_codebooks_are_ordered_by_size():
    keys = ["selection/1024 x 4", "selection/32 x 128", "selection/other", "selection/512 x 8"]
    assert sorted(keys, key=by_size) == [keys[2], keys[1], keys[3], keys[0]]
