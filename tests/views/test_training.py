"""The page of trainings, without Gradio."""

from dataclasses import replace

import pytest

from vqzoo.hub.model import check_record
from vqzoo.hub.registry import list_models
from vqzoo.views.training import (
    AGAINST,
    COLOURS,
    TrainingCurves,
    curves_of,
    has_curves,
    key_table,
    panels,
    rate_of,
    training_curves,
)

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def models():
    return {model.name: model for model in list_models()}


def training(name="one", batch_size=64, **train):
    held_out = {"step": [100, 200], "loss": [3.0, 2.0], "gradient_gap": [0.5, 0.25]}
    return TrainingCurves(name, batch_size, {"step": [50, 100, 150, 200], **train}, held_out)


def traces(panel):
    return {trace.name: (list(trace.x), list(trace.y)) for trace in panel.figure.data}


def test_panels_are_the_loss_its_terms_then_codebook_and_course():
    one = training(
        loss=[8.0, 4.0, 2.0, 1.0],
        commitment=[1.0, None, 0.5, 0.25],
        usage=[0.1, 0.2, 0.3, 0.4],
        perplexity=[2.0, 3.0, 4.0, 5.0],
        learning_rate=[1e-3, 1e-3, 5e-4, 0.0],
        images_per_second=[9.0] * 4,
        **{"selection/16 x 8": [0.75] * 4, "selection/8 x 16": [0.25] * 4},
    )
    actual = {panel.title: panel for panel in panels([one])}
    assert list(actual) == [
        "loss",
        "commitment",
        "usage",
        "perplexity",
        "selection of codebooks",
        "gradient gap",
        "learning rate",
        "images a second",
    ]
    assert traces(actual["loss"]) == {
        "one": ([50, 100, 150, 200], [8.0, 4.0, 2.0, 1.0]),
        "one, held out": ([100, 200], [3.0, 2.0]),
    }
    assert traces(actual["commitment"]) == {"one": ([50, 150, 200], [1.0, 0.5, 0.25])}, "a gap is left out"
    assert list(traces(actual["selection of codebooks"])) == ["8 x 16", "16 x 8"], "by size"


def test_against_images_a_step_counts_its_batch():
    several = [training("one", 64, loss=[4.0, 3.0, 2.0, 1.0]), training("two", 8, loss=[4.0, 3.0, 2.0, 1.0])]
    loss = traces(panels(several, "images seen")[0])
    assert loss["one"][0] == [3200, 6400, 9600, 12800] and loss["two"][0] == [400, 800, 1200, 1600]


def test_a_run_that_goes_on_is_beside_one_that_is_over_by_its_share():
    over, begun = (
        replace(training(name, loss=[4.0, 3.0, 2.0, 1.0]), steps=steps) for name, steps in (("a", 200), ("b", 800))
    )
    loss = traces(panels([over, begun], "share of the run")[0])
    assert loss["a"][0] == [0.25, 0.5, 0.75, 1] and loss["b"][0] == [0.0625, 0.125, 0.1875, 0.25]
    assert "one" not in traces(panels([over, training(loss=[4.0] * 4)], "share of the run")[0]), "its length is unknown"


def test_seconds_are_those_of_the_clock():
    one = replace(training(loss=[4.0, 3.0, 2.0, 1.0]), clock=[(0, 0.0), (100, 10.0), (200, 40.0)])
    assert traces(panels([one], "seconds")[0])["one"][0] == [5, 10, 25, 40]
    assert panels([training(loss=[4.0] * 4)], "seconds") == [], "unknown"


def test_the_automatic_scale_is_logarithmic_where_a_linear_one_would_hide_the_end():
    falling = training(
        loss=[100.0, 10.0, 4.0, 1.0],
        commitment=[2.0, 1.5, 1.2, 1.0],
        codebook=[100.0, 1.0, 0.0, 0.0],
        learning_rate=[1e-3, 1e-4, 1e-5, 1e-6],
    )
    kinds = {panel.title: panel.figure.layout.yaxis.type for panel in panels([falling])}
    assert kinds["loss, log scale"] == "log" and kinds["commitment"] is None
    assert kinds["codebook"] is None, "a logarithm would leave its zeros out"
    assert kinds["learning rate"] is None, "whose end is of no interest"


def test_on_a_log_scale_what_is_not_above_zero_is_left_out():
    actual = {
        p.title: p for p in panels([training(loss=[4.0, -1.0, 0.0, 1.0], usage=[0.0, 0.5, 1.0, 1.0])], scale="log")
    }
    assert traces(actual["loss, log scale"])["one"] == ([50, 200], [4.0, 1.0])
    assert actual["loss, log scale"].figure.layout.yaxis.type == "log"
    assert traces(actual["usage"])["one"][1][0] == 0.0, "a share stays on its own scale"


def test_trainings_differ_in_more_than_their_colour():
    trainings = [training(str(number), loss=[1.0] * 4) for number in range(2 * len(COLOURS))]
    lines = [t.line for t in panels(trainings)[0].figure.data if not t.name.endswith("held out")]
    assert len({(line.color, line.dash) for line in lines}) == len(trainings)
    assert len({line.dash for line in lines[:4]}) == 4


def test_warnings_are_marked_where_they_came():
    warned = replace(training(loss=[1.0] * 4), warnings=[(150, EVIL, "step 150: ...")])
    (shape,) = panels([warned], "images seen")[0].figure.layout.shapes
    assert (shape.x0, shape.x1) == (150 * 64, 150 * 64)
    assert EVIL not in panels([warned])[0].figure.to_json()


def test_every_shipped_card_with_curves_can_be_drawn(models):
    trained = [model for model in models.values() if has_curves(model)]
    assert len(trained) >= 25 and not has_curves(models["cifar10-pca-32x256"])
    trainings = [training_curves(model) for model in trained]
    for against in AGAINST:
        drawn = {line.name for panel in panels(trainings, against, "log") for line in panel.figure.data}
        assert {f"{model.name}, held out" for model in trained} <= drawn
    sizes = {"cifar10-adaptive-65536": 16, "cifar10-factorized-1024x32": 64, "cifar10-ibq-1024x128": 256}
    assert {name: curves_of([models[name]])[name]["batch_size"] for name in sizes} == sizes


def test_a_model_without_curves_says_so(models):
    with pytest.raises(ValueError, match="cifar10-pca-32x256 has no curves"):
        training_curves(models["cifar10-pca-32x256"])


@pytest.mark.parametrize(
    "table", [{"step": [1], "loss": [1.0, 2.0]}, {"step": ["1"]}, {"step": [1], "loss": 3}, {"loss": [1.0]}, [1]]
)
def test_curves_that_a_stranger_broke_are_refused_when_the_card_is_read(models, table):
    model = models["cifar10-vq-1024x128"]
    curves = {"train": table, "held_out": model.metrics["curves"]["held_out"]}
    with pytest.raises(ValueError, match=r"metrics.json of x: curves.train"):
        check_record("x", model.config, model.metrics | {"curves": curves})


def test_names_are_text_in_the_table_and_in_the_panels():
    one = training(EVIL, loss=[1.0] * 4, **{f"selection/{EVIL}": [1.0] * 4})
    one.facts["steps"] = EVIL
    assert EVIL not in key_table([one]) and key_table([one]).count("&lt;img") == 2
    assert all("<img" not in (trace.name or "") for panel in panels([one]) for trace in panel.figure.data)


def test_the_rate_is_the_median_of_the_last_rows():
    assert rate_of({"images_per_second": [1.0] * 90 + [5.0] * 9 + [1000.0]}) == 5.0
    assert rate_of({}) is None
