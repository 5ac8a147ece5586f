"""Findings come when a run goes wrong, once, and not for runs that are sound."""

import json
import math

import pytest

from trainers.loop.watch import COLLAPSE_PATIENCE, KINDS, Finding, Watch
from vqzoo.analysis.log import read

Row = dict[str, float]


def training(num: int, every: int = 50, start: int = 0, **changes: float) -> list[Row]:
    """Rows of a sound run: the loss falls from 0.064 towards 0.004, most codevectors are used."""
    steps = range(start + every, start + every * (num + 1), every)
    return [
        {"step": step, "loss": (value := 0.004 + 0.06 * math.exp(-step / 200)), "reconstruction": value, "usage": 0.8}
        | changes
        for step in steps
    ]


def findings(rows: list[Row]) -> list[Finding]:
    watch = Watch()
    return [finding for row in rows for finding in watch.check(row)]


def told(rows: list[Row]) -> list[tuple[str, int]]:
    return [(finding.kind, finding.step) for finding in findings(rows)]


def with_losses(*losses: float, **more: float) -> list[Row]:
    return [{"step": 50 * number, "loss": loss, **more} for number, loss in enumerate(losses, 1)]


def evaluations(held_out: list[float], trained: list[float]) -> list[Row]:
    """An evaluation every 100 steps, after one training row."""
    rows: list[Row] = []
    for number, (judged, loss) in enumerate(zip(held_out, trained, strict=True), 1):
        rows += [
            {"step": 100 * number, "loss": loss, "reconstruction": loss},
            {"step": 100 * number, "held_out": judged},
        ]
    return rows


FALLING = [0.010, 0.009, 0.008, 0.007, 0.006, 0.005, 0.004]


def test_a_sound_run_is_left_alone():
    rows = training(200)
    rows += [{"step": row["step"], "held_out": row["loss"], "gradient_gap": 0.3, "seconds": 1.0} for row in rows[::20]]
    assert told(sorted(rows, key=lambda row: row["step"])) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_named(value):
    (finding,) = findings([*training(3), {"step": 200, "loss": 0.1, "codebook": value}])
    assert finding.kind == "not-finite" and f"codebook is {value}" in finding.text


def test_a_loss_explodes_over_ten_times_its_lowest_median():
    """The median of 1, 1, 2, 2, 2 is 2; later ones are no lower."""
    calm = with_losses(1, 1, 2, 2, 2)
    assert told([*calm, {"step": 300, "loss": 20.0}]) == []
    (finding,) = findings([*calm, {"step": 300, "loss": 20.2}])
    assert (finding.kind, finding.step) == ("exploding", 300)
    assert finding.text.startswith("step 300: the loss is 20.2, 10 times its lowest (2); ")
    assert "--learning-rate" in finding.text and "--warmup" in finding.text


def test_a_slow_divergence_is_seen_as_well():
    """Each row is but 1.3 times the one before; 1.3^9 = 10.6 times the first, 1.3^2 of which the first median is."""
    assert told(with_losses(*(1.3**power for power in range(15)))) == [("exploding", 50 * 12)]


def test_the_first_rows_and_one_lucky_row_are_no_measure():
    assert told(with_losses(1, 1, 1, 1, 100)) == []
    assert told(with_losses(1, 1, 1, 1, 1, 0.001, 1, 1)) == []


def test_an_adversary_joining_is_no_explosion():
    """Its term may take the sum through zero; from there on the image terms are judged, unweighted."""
    rows = with_losses(*[0.02] * 8, l1=0.4)
    joined = [{"step": 400 + 50 * n, "loss": (-1) ** n * 10, "l1": 0.3, "adversarial": 1.0} for n in range(1, 9)]
    assert told(rows + joined) == []
    assert told([*rows, *joined, {**joined[-1], "step": 900, "l1": 3.1}]) == [("exploding", 900)]


def test_a_collapsed_codebook_is_told_after_five_rows():
    """50 steps apart: rows 550 to 750 of a codebook that breaks down at 550."""
    (finding,) = findings(training(10) + training(20, start=500, usage=0.012))
    assert (finding.kind, finding.step) == ("collapse", 750)
    assert "1.2% of the codevectors" in finding.text and "since step 550" in finding.text
    assert "--quantizer.revival restart" in finding.text


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(training(9, usage=0.01) + training(20, start=450), id="at the start only"),
        pytest.param(training(100, usage=0.05), id="at the threshold"),
        pytest.param(training(10) + training(4, start=500, usage=0.01) + training(9, start=700), id="four rows"),
        pytest.param(training(10) + training(20, every=5, start=500, usage=0.01), id="few steps"),
        pytest.param([{"step": row["step"], "loss": row["loss"]} for row in training(50)], id="not counted"),
    ],
)
def test_no_collapse(rows):
    assert told(rows) == []


def test_a_codebook_that_is_dead_from_the_start_is_told_soon():
    assert told(training(40, usage=0.001)) == [("collapse", COLLAPSE_PATIENCE + 200)]


def test_over_fitting_is_three_evaluations_above_the_best_by_over_five_percent():
    (finding,) = findings(evaluations([0.02, 0.01, 0.0102, 0.0104, 0.0106, 0.012, 0.013], FALLING))
    assert (finding.kind, finding.step) == ("over-fitting", 500)
    assert "the held-out loss is 0.0106, 6% above its best (0.01 at step 200" in finding.text
    assert "more images" in finding.text and "--steps" in finding.text


@pytest.mark.parametrize(
    "held_out, trained",
    [
        pytest.param([0.02, 0.01, 0.02, 0.02], FALLING[:4], id="two evaluations"),
        pytest.param([0.02, 0.01, 0.0104, 0.0104, 0.0104, 0.0104], FALLING[:6], id="four percent"),
        pytest.param([0.02, 0.01, 0.012, 0.012, 0.012, 0.012], [0.01] * 6, id="training stands still"),
        pytest.param([0.02, 0.01, *[0.012] * 4], [0.02, 0.01, *[0.011] * 4], id="training rises"),
        pytest.param([0.02, 0.01, 0.02, 0.02, 0.009, 0.02, 0.02], FALLING, id="a new best in between"),
    ],
)
def test_no_over_fitting(held_out, trained):
    assert told(evaluations(held_out, trained)) == []


def test_what_is_told_again_had_ended_in_between():
    explode = with_losses(*[1] * 5, 11, 12, 9, 11, 4.9, 11)  # 9 is not over yet, 4.9 is
    assert told(explode) == [("exploding", 300), ("exploding", 550)]
    rows = training(10) + training(20, start=500, usage=0.01) + training(1, start=1500)
    rows += training(20, start=1550, usage=0.01)
    assert told(rows) == [("collapse", 750), ("collapse", 1800)]
    judged = [0.01, *[0.011] * 4, 0.009, *[0.011] * 4]
    trained = [0.02 - 0.001 * number for number in range(len(judged))]
    assert told(evaluations(judged, trained)) == [("over-fitting", 400), ("over-fitting", 900)]
    broken = {"loss": math.nan}
    rows = [{"step": 50, **broken}, {"step": 100, **broken}, *training(1, start=100), {"step": 200, **broken}]
    assert told(rows) == [("not-finite", 50), ("not-finite", 200)]


def test_a_resumed_watch_goes_on_as_if_there_had_been_no_break(tmp_path):
    """At every row of a run in which all kinds occur, through metrics.jsonl, which also holds what was told before."""
    rows = training(10) + training(20, start=500, usage=0.01) + training(1, start=1500)
    rows += [{**row, "step": 1600 + row["step"]} for row in evaluations([0.01, *[0.011] * 4], [0.009, *FALLING[2:6]])]
    rows += [{**row, "step": 2200 + row["step"]} for row in with_losses(1, 0.001, 2, math.nan, math.nan)]
    expected = findings(rows)
    assert {finding.kind for finding in expected} == set(KINDS)
    for cut in range(len(rows)):
        watch, path = Watch(), tmp_path / "metrics.jsonl"
        before = []
        for row in rows[:cut]:
            before += [row, *(finding.row for finding in watch.check(row))]
        path.write_text("".join(json.dumps(row) + "\n" for row in before))
        resumed = Watch(read(path))
        after = [finding for row in rows[cut:] for finding in resumed.check(row)]
        assert [row for row in before if "warning" in row] + [finding.row for finding in after] == [
            finding.row for finding in expected
        ]
