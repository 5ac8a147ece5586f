"""What the page of rate and distortion shows, without a browser."""

import dataclasses
import json
import math
from itertools import permutations

import pytest

from vqzoo.analysis.measured_codecs import measured_codecs
from vqzoo.analysis.powerlaw import distortion, fit
from vqzoo.hub.card import trained_share
from vqzoo.hub.registry import Model, list_models
from vqzoo.ops.text import csv_text
from vqzoo.views.engine import Engine
from vqzoo.views.rate import (
    AXES,
    DISTORTIONS,
    ONE,
    PCA,
    PLAIN,
    SCALAR,
    SEVERAL,
    Plotted,
    Point,
    Rates,
    front,
    own_points,
    placed,
)
from vqzoo.views.rate_against import AGAINST_COLUMNS, against_codecs
from vqzoo.views.rate_answer import bits_for, describe, record
from vqzoo.views.rate_costs import (
    COST_COLUMNS,
    ENTROPY_COLUMNS,
    cost_table,
    entropy_figure,
    entropy_table,
    opening_model,
)
from vqzoo.views.rate_figure import TABLE_COLUMNS, fit_figure, rate_figure, rate_table, story
from vqzoo.views.rate_fit import CODEVECTORS, describe_bits, describe_law, groups, law_of
from vqzoo.views.rate_labels import spread
from vqzoo.views.table import csv_link


@pytest.fixture(scope="module")
def rates() -> Rates:
    return Rates(Engine(list_models()))


def value(rates: Rates, axis: str, name: str) -> float | None:
    (point,) = (point for point in rates.models("cifar10") if point.name == name)
    return AXES[axis].value(point)


@pytest.mark.parametrize(
    ("name", "bits", "size", "total", "books", "choices"),
    [
        ("cifar10-vq-1024x128", 640, 1024, 1024, 1, 10),
        ("cifar10-rvq-8x256", 4096, 256, 2048, 8, 64),
        ("cifar10-rq-8x256", 4096, 256, 256, 1, 64),
        # Four times as many indices a latent.
        ("cifar10-looc-256x4-factor2", 65536, 256, 256, 1, 1024),
        ("cifar10-fsq-8-5-5-5", 64 * math.log2(1000), 1000, 1000, 1, math.log2(1000)),
        ("cifar10-none-128", 262144, None, None, None, None),
    ],
)
def test_axes_by_hand(rates, name, bits, size, total, books, choices):
    actual = [value(rates, axis, name) for axis in AXES]
    expected = [bits / 1024, bits, size, total, books, choices]
    for axis, one, two in zip(AXES, actual, expected, strict=True):
        assert one == (None if two is None else pytest.approx(two)), axis


def test_kinds_and_series(rates):
    points = {point.name: point for point in rates.models("cifar10")}
    kinds = {
        "cifar10-vq-1024x128": ONE,
        "cifar10-adaptive-65536": ONE,
        "cifar10-rvq-8x256": SEVERAL,
        "cifar10-multiscale-1024x128": SEVERAL,
        "cifar10-lfq-10": SCALAR,
        "cifar10-pca-32x256": PCA,
        "cifar10-none-128": PLAIN,
    }
    assert {name: points[name].kind for name in kinds} == kinds
    looc = {name for name, point in points.items() if point.series == points["cifar10-looc-32x4"].series}
    assert looc == {"cifar10-looc-32x4", "cifar10-looc-256x4", "cifar10-looc-256x4-factor2"}
    assert points["cifar10-vq-1024x128"].series != points["cifar10-vq-1024x128-rotation"].series
    assert [p.metrics["bits_per_image"] for p in points.values()] == sorted(
        p.metrics["bits_per_image"] for p in points.values()
    )


@pytest.mark.parametrize("metric", [name for name in DISTORTIONS if name not in ("rfid", "ms_ssim")])
@pytest.mark.parametrize("axis", AXES)
def test_every_point_is_drawn_where_it_was_measured(rates, axis, metric):
    figure = rate_figure(rates, "cifar10", axis, metric)
    drawn = {
        (name, x, y)
        for trace in figure.data
        if trace.mode == "markers"
        for name, x, y in zip(trace.text, trace.x, trace.y, strict=True)
    }
    expected = {
        (point.name, AXES[axis].value(point), point.metrics[metric])
        for point in [*rates.models("cifar10"), *rates.codecs("cifar10")]
        if AXES[axis].value(point) is not None
    }
    assert drawn == expected and len(json.loads(figure.to_json())["data"]) < 40


def points(*each: tuple[float, float], kind: str = ONE, name: str = "one") -> list[Plotted]:
    return [Plotted(Point(name, kind, name, {}, None, None, "", whole=True), x, y) for x, y in each]


def test_the_front_is_what_nothing_cheaper_beats():
    some = points((1, 20), (1, 25), (2, 25), (2, 24), (3, 30), (4, 29))
    assert [(x, y) for _, x, y in front(some, "psnr")] == [(1, 25), (3, 30)]
    assert [(x, y) for _, x, y in front(some, "lpips")] == [(1, 20)], "lower is better"
    assert front([*some, *points((9, 99), kind=PLAIN)], "psnr") == front(some, "psnr")


def test_the_front_is_drawn_and_the_better_corner_is_named(rates):
    for metric, mark in (("psnr", "↖ better: fewer bits, higher PSNR"), ("lpips", "↙ better: fewer bits, lower LPIPS")):
        figure = rate_figure(rates, "cifar10", "bits per pixel", metric)
        (line,) = (trace for trace in figure.data if trace.name == "Pareto front")
        drawn = placed([*rates.models("cifar10"), *rates.codecs("cifar10")], "bits per pixel", metric)
        assert list(line.y[:-1]) == [y for *_, y in front(drawn, metric)]
        assert figure.layout.annotations[0].text == mark


def test_every_model_has_its_name_and_no_name_lies_on_another(rates):
    figure = rate_figure(rates, "cifar10", "bits per pixel", "psnr")
    _, *named = figure.layout.annotations
    models = {p.name.removeprefix("cifar10-") for p in rates.models("cifar10") if p.kind != PLAIN}
    assert {each.text.removeprefix("<b>").removesuffix("</b>") for each in named} == {*models, "JPEG", "WebP", "AVIF"}
    assert "<b>vq-1024x128</b>" in {each.text for each in named}, "on the front"
    (left, right), (low, high) = figure.layout.xaxis.range, figure.layout.yaxis.range
    boxes = [  # of a window of 1400 pixels, in the plot of which the axes are 1270 pixels and 512 pixels long
        (
            (each.x - left) / (right - left) * 1270 + each.ax,
            (high - each.y) / (high - low) * 512 + each.ay,
            len(each.text),
        )
        for each in named
    ]
    for (x, y, letters), (other, top, _) in permutations(boxes, 2):
        assert abs(y - top) > 13 or other < x or other - x > 6 * letters
    assert all(0 <= y <= 512 for _, y, _ in boxes)


def test_names_are_moved_as_little_as_possible():
    assert spread([10, 40, 80], 100, 14) == [10, 40, 80]
    assert spread([50, 50, 50], 100, 10) == [40, 50, 60]
    assert spread([50, 50, 52], 100, 10) == pytest.approx([40 + 2 / 3, 50 + 2 / 3, 60 + 2 / 3])
    assert spread([0, 0], 100, 10) == [0, 10] and spread([99, 100], 100, 10) == [90, 100]


def test_points_of_ones_own():
    one, two = own_points("mine, 0.5, 27\n\n2, 30.5\n", "psnr", 1024)
    assert (one.name, one.metrics) == ("mine", {"bits_per_pixel": 0.5, "bits_per_image": 512, "psnr": 27})
    assert (two.name, two.metrics["psnr"]) == ("point 2", 30.5)
    for text in ("0.5", "0, 27", "a, b, 1, 2", "0.5, many", "0.5, nan"):
        with pytest.raises(ValueError, match="line 1 of your points"):
            own_points(text, "psnr", 1024)


def test_the_bits_for_a_quality_are_those_of_the_models_around_it(rates):
    actual = bits_for(rates, "cifar10", "psnr", 30)
    assert actual.reached is not None and actual.missed is not None
    assert (actual.missed.point.name, actual.missed.x) == ("cifar10-adaptive-65536", pytest.approx(0.91859, abs=1e-5))
    cheaper = [p for p in rates.models("cifar10") if p.metrics["bits_per_pixel"] < actual.reached.x]
    assert max(p.metrics["psnr"] for p in cheaper) < 30 <= actual.reached.y
    assert describe(actual).startswith("**30.00 dB: between 0.919 and 4 bits a pixel.**")
    assert 743 / 1024 < actual.codecs["WebP"] < 3997 / 1024 and f"WebP {actual.codecs['WebP']:.3g}" in describe(actual)
    assert "at most 0.62" in describe(bits_for(rates, "cifar10", "psnr", 5))
    assert "No model measured here has 60.00 dB" in describe(bits_for(rates, "cifar10", "psnr", 60))
    low = bits_for(rates, "cifar10", "lpips", 0.01)
    assert low.reached.y <= 0.01 < low.missed.y, "lower is better"
    assert record(actual)["reached_by"]["model"] == actual.reached.point.name


def test_models_are_compared_with_codecs_at_equal_quality(rates):
    rows = {row[0]: dict(zip(AGAINST_COLUMNS, row, strict=True)) for row in against_codecs(rates, "cifar10", "psnr")}
    # Where the model has just the quality of a measured rate, nothing is interpolated.
    (webp,) = (p for p in rates.codecs("cifar10") if p.kind == "WebP" and round(p.metrics["psnr"], 2) == 34.88)
    own = own_points(f"half, {webp.metrics['bits_per_pixel'] / 2}, {webp.metrics['psnr']}", "psnr", 1024)
    table = against_codecs(rates, "cifar10", "psnr", own)
    assert {row[0]: row for row in table}["your points"][3] == -50
    assert rows["cifar10-vq-1024x128"]["bits against JPEG, %"] < -70
    assert rows["JPEG"]["bits against JPEG, %"] is None and "cifar10-none-128" not in rows


def test_codecs_are_where_there_are_bits_alone(rates):
    rows = [row for row in measured_codecs() if row["dataset"] == "cifar10"]
    assert len(rates.codecs("cifar10")) == len(rows) >= 9
    for axis, has in (("bits per pixel", True), ("codebook size", False)):
        names = {trace.name for trace in rate_figure(rates, "cifar10", axis, "psnr").data}
        assert ({"JPEG", "WebP", "AVIF"} <= names) == has


def test_the_squared_error_is_that_of_the_psnr(rates):
    for point in rates.models("cifar10"):
        assert -10 * math.log10(point.metrics["mse"]) == pytest.approx(point.metrics["psnr"])


def test_the_story_says_how_the_order_changes(rates):
    message = story(rates, "cifar10", "codebook size", "psnr")
    assert "nothing is better at the same cost or less than cifar10-looc-32x4 and cifar10-looc-256x4." in message
    assert "cifar10-looc-32x4 moves the furthest, from place 22 of 24 by bits to 1 here" in message
    assert "1 of 25 models have no place on this axis" in message
    assert "1.00 for bits per image" in story(rates, "cifar10", "bits per pixel", "psnr")
    assert "0.3%" in message, "nobody takes a short training for a full one"


def test_unequal_trainings_are_said_and_seen(rates):
    models = list_models()
    (first,) = (model for model in models if model.name == "cifar10-vq-1024x128")
    training = first.metrics["training"] | {"images": 50, "full_budget_images": 100}
    longer = dataclasses.replace(first, metrics=first.metrics | {"training": training})
    short = [model for model in models if trained_share(model.metrics["training"]) != 1]
    engine = Engine([longer, *(model for model in short if model.name != longer.name)])
    message = story(Rates(engine), "cifar10", "bits per image", "psnr")
    assert "**Unequal trainings**" in message and "to 50.0% (cifar10-vq-1024x128)" in message
    figure = rate_figure(Rates(engine), "cifar10", "bits per image", "psnr")
    (trace,) = (trace for trace in figure.data if trace.name == ONE)
    bright = {name for name, seen in zip(trace.text, trace.marker.opacity, strict=True) if seen == 1}
    assert bright == {"cifar10-vq-1024x128"}


def test_mistakes_name_what_there_is(rates):
    with pytest.raises(ValueError, match="did you mean 'cifar10'"):
        story(rates, "cifar", "bits per image", "psnr")
    with pytest.raises(ValueError, match="axis='bits': did you mean"):
        rate_figure(rates, "cifar10", "bits", "psnr")
    with pytest.raises(ValueError, match="metric='psnrr': did you mean 'psnr'"):
        rate_figure(rates, "cifar10", "bits per image", "psnrr")
    with pytest.raises(ValueError, match="group='none'"):
        law_of(rates, "cifar10", "none")


def test_a_model_known_by_its_card_alone_has_a_place_by_bits():
    known = next(model for model in list_models() if model.name == "cifar10-vq-1024x128")
    metrics = {"dataset": "cifar10", "metrics": {"bits_per_image": 640.0, "psnr": 20.0}}
    parts = {"autoencoder": {"name": "conv"}, "quantizer": {"name": "vq"}, "position": {"name": "none"}}
    card = Model("far", None, known.config | parts, metrics, "hub", "somebody/far", "0" * 40)
    unmeasured = dataclasses.replace(card, name="unmeasured", metrics={})
    rates = Rates(Engine([known, card, unmeasured]))
    assert [row[0] for row in rate_table(rates, "cifar10")] == ["cifar10-vq-1024x128", "far"]
    assert cost_table(rates, "cifar10")[0] == ["far", *[None] * (len(COST_COLUMNS) - 1)]
    assert "1 of 2 models have no place" in story(rates, "cifar10", "codebook size", "psnr")


def test_tables(rates):
    table = {row[0]: row for row in rate_table(rates, "cifar10")}
    assert len(table) == len(rates.models("cifar10")) and all(len(row) == len(TABLE_COLUMNS) for row in table.values())
    assert table["cifar10-rvq-8x256"][2] == 36.07 and table["cifar10-rvq-8x256"][-1] == 100.0
    costs = {row[0]: dict(zip(COST_COLUMNS, row, strict=True)) for row in cost_table(rates, "cifar10")}
    assert costs["cifar10-looc-256x4"]["search, multiplications"] == 2_097_152
    assert costs["cifar10-vq-1024x128"]["search of one VQ for the same choices"] == "8.39e+06"
    assert costs["cifar10-none-128"]["search of one VQ for the same choices"] is None


def test_entropy_coding_saves_and_never_costs(rates):
    rows = {row[0]: dict(zip(ENTROPY_COLUMNS, row, strict=True)) for row in entropy_table(rates, "cifar10")}
    assert "cifar10-none-128" not in rows and len(rows) == len(rates.models("cifar10")) - 1
    for name, row in rows.items():
        assert 0 < row["entropy-coded bits"] <= row["fixed-length bits"], name
    for name in ("cifar10-ema-1024x128", "cifar10-factorized-1024x32"):  # no index needs more than log2(used) bits
        (model,) = (model for model in list_models() if model.name == name)
        used = 1024 * model.metrics["metrics"]["usage"]
        assert rows[name]["entropy-coded bits"] <= 64 * math.log2(used) + 1e-6
    assert rows["cifar10-rvq-8x256"]["indices"] == 512


def test_columns_are_drawn_one_by_one(rates):
    fixed, coded = entropy_figure(rates, "cifar10", "cifar10-rvq-8x256").data
    assert list(fixed.y) == [8.0] * 8 and all(0 < bits < 8 for bits in coded.y)
    assert "not counted" in entropy_figure(rates, "cifar10", "cifar10-none-128").layout.annotations[0].text
    assert opening_model(rates, "cifar10") == "cifar10-looc-32x4"


def test_the_law_goes_through_the_points_of_its_group(rates):
    points, law = law_of(rates, "cifar10", CODEVECTORS)
    expected = fit([x for _, x, _ in points], [distortion(y) for *_, y in points])
    assert law == expected and {point.kind for point, *_ in points} == {ONE, SEVERAL}
    assert f"{law.exponent:.3f}" in describe_law(law, points)
    bits, low, high = law.bits(distortion(24))
    assert f"about {bits:,.0f} bits" in describe_bits(law, 24)
    assert bits == pytest.approx((10**-2.4 / law.scale) ** (-1 / law.exponent))
    assert f"up to {max(high / bits, bits / low):.1f} times" in describe_bits(law, 24)
    with pytest.raises(ValueError, match="too far from what was measured"):
        describe_bits(law, 60)
    assert {"JPEG", "WebP", "AVIF", SEVERAL} <= set(groups(rates, "cifar10"))
    assert ONE not in groups(rates, "cifar10"), "two rates tell no law"
    figure = fit_figure(points, law, 24)
    (line,) = (trace for trace in figure.data if trace.name == "power law")
    assert line.x[0] == pytest.approx(320) and line.x[-1] == pytest.approx(131072)


def test_a_table_as_a_file():
    assert csv_text(["a", "b"], [["x, y", None], [1.5, "z"]], "\r\n") == 'a,b\r\n"x, y",\r\n1.5,z\r\n'
    assert 'download="a&quot;b.csv"' in csv_link('a"b.csv', ["a"], [])
