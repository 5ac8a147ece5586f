"""The page of trainings in a real browser: curves laid over each other, and a run that goes on."""

import json

import pytest
from playwright.sync_api import Page, expect

from .conftest import ROOT

expect.set_options(timeout=60_000)  # as the page fixture: a machine may be busy

PLOTS = "#training-panels .js-plotly-plot"


@pytest.fixture
def training(page) -> Page:
    page.get_by_role("tab", name="Training", exact=True).click()
    page.locator(PLOTS).first.wait_for()
    return page


def traces(page: Page, number: int = 0) -> dict[str, list[float]]:
    """What the first panels draw: name of a line -> where its points are."""
    plot = page.locator(PLOTS).nth(number)
    return dict(plot.evaluate("plot => plot._fullData.map(line => [line.name, Array.from(line.x)])"))


def test_curves_lie_over_each_other_against_steps_and_images(training):
    table = training.locator("#training-table tbody th")
    names = [text.strip() for text in table.all_inner_texts()]
    assert len(names) >= 2
    assert list(traces(training)) == [curve for name in names for curve in (name, f"{name}, held out")]
    record = json.loads((ROOT / "model_cards" / names[0] / "metrics.json").read_text(encoding="utf-8"))
    assert traces(training)[f"{names[0]}, held out"] == record["curves"]["held_out"]["step"]
    images = record["curves"]["train"]["step"][0] * record["training"]["recipe"]["batch_size"]
    training.get_by_label("images seen").check()
    training.wait_for_function(f"document.querySelector('{PLOTS}')._fullData[0].x[0] === {images}")
    training.get_by_label("seconds", exact=True).check()
    seconds = record["training"]["seconds"] / record["training"]["steps"] * record["curves"]["train"]["step"][0]
    training.wait_for_function(f"Math.abs(document.querySelector('{PLOTS}')._fullData[0].x[0] - {seconds}) < 1e-6")
    training.get_by_label("log", exact=True).check()
    training.wait_for_function(f"document.querySelector('{PLOTS}')._fullLayout.yaxis.type === 'log'")


def test_a_run_is_followed_while_it_goes_on(training, tmp_path):
    run = tmp_path / "some-run"
    training.locator("#training-folder").get_by_role("textbox").fill(str(run))
    training.locator("#training-follow").click()
    live = training.locator("#training-live")
    expect(live).to_contain_text("There is no folder")  # it may come
    run.mkdir()
    (run / "recipe.json").write_text(json.dumps({"steps": 400, "batch_size": 10}))
    row = {"step": 50, "loss": 1.0, "usage": 0.5, "selection/8 x 2": 0.75, "images_per_second": 20.0}
    (run / "metrics.jsonl").write_text(json.dumps(row) + '\n{"step": 100, "lo')
    expect(live).to_contain_text("step 50 of 400")
    expect(training.locator("#training-panels")).to_contain_text("selection of codebooks")
    (run / "metrics.jsonl").write_text(json.dumps(row) + "\n" + json.dumps({**row, "step": 400}) + "\n")
    expect(live).to_contain_text("all steps are done")
    assert traces(training)["some-run"] == [0.125, 1], "on its own scale, beside runs that are over"
    training.locator("#training-stop").click()
    expect(live).not_to_be_visible()


def test_nothing_chosen_says_what_to_do(training):
    training.locator("#training-models .remove-all").click()
    expect(training.locator("#training-table")).to_contain_text("Choose one or more")
    expect(training.locator(PLOTS)).to_have_count(0)
