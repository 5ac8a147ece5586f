"""The page that compares in a real browser: open, compare an own photograph, look closely, take it along, fail well."""

import json
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from vqzoo.analysis.photograph import reconstruct
from vqzoo.hub.registry import load

from .steps import THREE, canvas_pixels, compare, names, own_photograph, ready, table, tick_only, upload

# Whoever presses in time: a click from outside may arrive when models that are fast are through.
STOP_AT_THE_SECOND = """() => new MutationObserver((_, observer) => {
  const line = document.querySelector('#status .status[data-kind=running]');
  if (!line || !/[2-9] of /.test(line.textContent)) return;
  observer.disconnect();
  document.querySelector('#stop').click();
}).observe(document.querySelector('#status'), {childList: true, subtree: true, characterData: true})"""
AS_MANY_AS_IT_SAYS = """() => {
  const said = document.querySelector('#status .status').textContent.split(' ')[2];
  return document.querySelector('#viewer .vq-viewer').dataset.ready === String(Number(said) + 1);
}"""


@pytest.fixture(scope="module")
def photograph(tmp_path_factory) -> Path:
    return own_photograph(tmp_path_factory.mktemp("photograph"))


def press(page: Page, part: str, *keys: str) -> str:
    """Where the first picture then is."""
    page.locator(part).focus()
    for key in keys:
        page.keyboard.press(key)
    return page.locator("#viewer canvas").first.evaluate("c => c.style.transform")


def test_the_page_opens_on_a_finished_comparison(page):
    shown = names(page)
    assert shown[0] == "original" and len(shown) >= 4
    page.locator("#table [role=gridcell]").first.wait_for()
    assert set(table(page)) == set(shown[1:])
    assert canvas_pixels(page, shown[1]).std() > 10, "a picture, not a blank"
    if target := os.environ.get("VQZOO_SCREENSHOT"):
        page.screenshot(path=target)


def test_three_models_on_an_own_photograph(page, photograph):
    upload(page, photograph)
    compare(page, THREE)
    original = np.array(Image.open(photograph))
    assert np.array_equal(canvas_pixels(page, "original"), original)
    rows = table(page)
    assert set(rows) == set(THREE)
    for name in THREE:
        expected = reconstruct(load(name), original)
        assert np.array_equal(canvas_pixels(page, name), expected.pixels), "every pixel as it was computed"
        assert float(rows[name]["PSNR, dB"]) == pytest.approx(expected.metrics["psnr"], abs=0.006)
        assert float(rows[name]["true bits"]) == round(expected.metrics["bits_per_image"])
    # 23 x 16 latents cover 90 x 61 pixels.
    assert float(rows["cifar10-vq-1024x128"]["true bits"]) == 23 * 16 * 10


def test_errors_are_drawn_on_one_scale(page, photograph):
    upload(page, photograph)
    compare(page, THREE[:2])
    error = np.abs(canvas_pixels(page, THREE[0]).astype(int) - canvas_pixels(page, "original")).mean(-1)
    drawn = canvas_pixels(page, f"absolute error of {THREE[0]}").astype(int).sum(-1)
    strong, weak = error >= np.quantile(error, 0.95), error <= np.quantile(error, 0.05)
    assert drawn[strong].min() > drawn[weak].max(), "larger errors are brighter"
    page.locator("#viewer .vq-scale").fill("8")
    assert canvas_pixels(page, f"absolute error of {THREE[0]}").mean() > drawn.mean() / 3, "a finer scale is brighter"


def test_zoom_moves_every_picture_alike(page):
    page.locator("#viewer .vq-in").click()
    transforms = page.locator("#viewer canvas").evaluate_all("all => all.map(c => c.style.transform)")
    assert len(set(transforms)) == 1 and "scale(2)" in transforms[0]
    page.locator("#viewer .vq-fit").click()
    assert "scale(1)" in page.locator("#viewer canvas").first.evaluate("c => c.style.transform")


def test_garbage_is_answered_with_a_message_and_nothing_is_lost(page, tmp_path):
    before = names(page)
    garbage = tmp_path / "garbage.png"
    garbage.write_text("this is no picture")
    upload(page, garbage)
    page.locator("#compare").click()
    expect(page.locator("#status .status[data-kind=error]")).to_contain_text("The file cannot be read as an image")
    expect(page.locator(".toast-body")).to_contain_text("The file cannot be read as an image")
    assert names(page) == before


def test_searching_keeps_what_is_ticked(page):
    tick_only(page, ["cifar10-none-128"])
    page.locator("#search textarea, #search input").first.fill("looc 32")
    expect(page.locator(".models label")).to_have_text(["cifar10-looc-32x4", "cifar10-none-128"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_needs_no_sideways_scrolling(browser, app_url, scheme):
    page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    page.goto(app_url)
    ready(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    figures = page.locator("#table [role=gridcell]").evaluate_all("all => all.map(cell => cell.clientWidth)")
    page.close()
    assert width <= 390
    assert min(figures) >= 60, "a figure stays on one line, the table scrolls"


def test_the_viewer_is_moved_by_keys_and_stays_where_it_is_for_the_same_photograph(page, photograph):
    upload(page, photograph)
    compare(page, THREE[:1])
    assert "scale(1.5)" in press(page, "#viewer .vq-cards", "+")
    assert "translate(-35%" in press(page, "#viewer .vq-cards", "ArrowRight")
    assert "scale(1.5)" in press(page, "#viewer .vq-scale", "ArrowRight"), "keys of other controls are theirs"
    compare(page, THREE[:2])
    transforms = page.locator("#viewer .vq-cards canvas").evaluate_all("all => all.map(c => c.style.transform)")
    assert len(set(transforms)) == 1 and "translate(-35%" in transforms[0], "one more model, the same place"
    assert "scale(1)" in press(page, "#viewer .vq-cards", "0")
    ring = page.locator("#viewer .vq-cards").evaluate("c => getComputedStyle(c).outlineStyle")
    assert ring == "solid", "focus is seen"


def test_two_in_one_place_slider_and_blink(page, photograph):
    upload(page, photograph)
    compare(page, THREE[:2])
    page.locator("#viewer .vq-mode[value=slider]").click()
    page.locator("#viewer .vq-one").select_option(THREE[0])
    page.locator("#viewer .vq-two").select_option("original")
    assert np.array_equal(canvas_pixels(page, f"left: {THREE[0]}"), canvas_pixels(page, THREE[0]))
    assert np.array_equal(canvas_pixels(page, "right: original"), canvas_pixels(page, "original"))
    top = page.locator("#viewer .vq-top")
    assert "50%" in top.evaluate("t => t.style.clipPath")
    page.locator("#viewer .vq-divider").press("ArrowRight")
    assert "52%" in top.evaluate("t => t.style.clipPath")
    page.locator("#viewer .vq-mode[value=blink]").click()
    tag = page.locator("#viewer .vq-left")
    expect(tag).to_have_text(THREE[0])
    page.locator("#viewer .vq-swap").click()
    expect(tag).to_have_text("original")
    page.locator("#viewer .vq-swap").click()
    page.locator("#viewer .vq-stage").focus()
    page.keyboard.down(" ")
    expect(tag).to_have_text("original")
    page.keyboard.up(" ")
    expect(tag).to_have_text(THREE[0])
    page.locator("#viewer .vq-auto").check()
    expect(tag).to_have_text("original")
    expect(tag).to_have_text(THREE[0])


def test_a_tolerance_map_is_white_where_more_is_off(page, photograph):
    upload(page, photograph)
    compare(page, THREE[:1])
    page.locator("#viewer .vq-errors").select_option("tolerance")
    error = np.abs(canvas_pixels(page, THREE[0]).astype(int) - canvas_pixels(page, "original")).mean(-1)
    for tolerance in (16, 3):
        page.locator("#viewer .vq-scale").fill(str(tolerance))
        drawn = canvas_pixels(page, f"absolute error of {THREE[0]}")
        assert set(np.unique(drawn)) <= {0, 255} and np.array_equal(drawn[..., 0] == 255, error > tolerance)
        share = page.locator("#viewer .vq-share").nth(1).inner_text()
        assert share == f"{(error > tolerance).mean() * 100:.1f} % of pixels off by more"


def test_pictures_and_table_are_sorted_at_once_by_what_is_there(page, photograph):
    upload(page, photograph)
    compare(page, THREE)
    before = {name: canvas_pixels(page, name) for name in THREE}
    psnr = {name: float(row["PSNR, dB"]) for name, row in table(page).items()}
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#sort input").click()
    page.get_by_role("option", name="PSNR").click()
    order = sorted(psnr, key=lambda name: -psnr[name])
    expect(page.locator("#viewer figcaption strong")).to_have_text(["original", *order])
    assert list(table(page)) == order
    page.get_by_label("Worst first").check()
    expect(page.locator("#viewer figcaption strong")).to_have_text(["original", *order[::-1]])
    assert list(table(page)) == order[::-1]
    assert not [url for url in asked if "queue" in url or "run" in url], "nothing is asked of the server"
    for name in THREE:
        assert np.array_equal(canvas_pixels(page, name), before[name])


def test_a_blind_vote_reveals_names_only_then(page, photograph):
    upload(page, photograph)
    compare(page, THREE[:2])
    page.get_by_role("tab", name="Blind test").click()
    page.locator("#blind-draw").click()
    page.locator("#blind-viewer .vq-viewer[data-ready='3']").wait_for()
    assert names(page, "#blind-viewer") == ["left", "original", "right"]
    assert not any(name in page.locator("#blind-viewer").inner_html() for name in THREE)
    left = canvas_pixels(page, "left", "#blind-viewer")
    whose = next(name for name in THREE[:2] if np.array_equal(left, canvas_pixels(page, name)))
    page.get_by_role("button", name="Left is closer").click()
    expect(page.locator("#blind-verdict")).to_contain_text(f"The left one is {whose}")
    expect(page.locator("#blind-tally [role=gridcell]").first).to_have_text(whose)
    expect(page.get_by_role("button", name="Left is closer")).to_be_disabled()


def test_levels_of_a_residual_model(page, photograph):
    upload(page, photograph)
    compare(page, THREE[2:])
    page.get_by_role("tab", name="Levels").click()
    page.locator("#levels-viewer .vq-viewer[data-ready='3']").wait_for()
    box = page.locator("#levels-count input[type=number]")
    box.fill("3")
    box.press("Tab")
    expect(page.locator("#levels-viewer figcaption strong").nth(1)).to_have_text("first 3 of 8")
    page.locator("#levels-viewer .vq-viewer[data-ready='3']").wait_for()
    expected = reconstruct(load(THREE[2]), np.array(Image.open(photograph)), levels=3)
    page.wait_for_function("document.querySelector('#levels-viewer canvas[aria-label=\"first 3 of 8\"]').width === 90")
    assert np.array_equal(canvas_pixels(page, "first 3 of 8", "#levels-viewer"), expected.pixels)


def test_everything_is_exported(page, photograph, tmp_path):
    upload(page, photograph)
    compare(page, THREE[:1])
    with page.expect_download() as download:
        page.locator("#export").click()
    assert download.value.suggested_filename.startswith("vqzoo-1-rows-side-256-")
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as files:
        shown = np.array(Image.open(files.open(f"{THREE[0]}.png")))
        settings = json.loads(files.read("settings.json"))
    assert np.array_equal(shown, canvas_pixels(page, THREE[0]))
    assert settings["photograph"]["width"] == 90


def test_a_link_opens_on_the_comparison_it_was_made_of(page, app_url):
    page.locator("#examples button").nth(1).click()
    expect(page.locator("#photograph img").first).to_have_attribute("src", re.compile("cat"), timeout=30_000)
    page.locator("#codecs input").check()
    two = ["cifar10-fsq-8-5-5-5", THREE[0]]  # by their bits
    tick_only(page, two)
    page.locator("#compare").click()
    expect(page.locator("#status .status")).to_contain_text("2 models and", timeout=60_000)
    shown, pixels = names(page), canvas_pixels(page, THREE[0])
    page.locator("#copy-link").click()
    asked = f"?tab=Compare&image=Cat&side=256&models={','.join(two)}&codecs=1"
    expect(page.locator("#link textarea, #link input").first).to_have_value(f"{app_url}/{asked}")
    link = page.locator("#link textarea, #link input").first.input_value()
    page.goto(link)
    expect(page.locator("#status .status")).to_contain_text("2 models and", timeout=60_000)
    expect(page.locator("#viewer .vq-viewer")).to_have_attribute("data-ready", str(len(shown)))
    assert names(page) == shown and np.array_equal(canvas_pixels(page, THREE[0]), pixels)
    expect(page.locator(".models input:checked")).to_have_count(2)
    page.goto(f"{app_url}/?tab=Position")
    expect(page.get_by_role("tab", name="Position")).to_have_attribute("aria-selected", "true", timeout=30_000)
    page.locator("#position-viewer .vq-viewer[data-ready='6']").wait_for()


def test_stop_stops_at_the_next_model_and_says_what_there_is(page, tmp_path):
    large = tmp_path / "large.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (1024, 1024, 3), np.uint8)).save(large)
    page.locator("#side input").click()
    page.get_by_role("option", name="1024", exact=True).click()
    upload(page, large)
    for box in page.locator("#models-cifar10 input").all():
        box.check()
    page.evaluate(STOP_AT_THE_SECOND)
    page.locator("#compare").click()
    expect(page.locator("#status .status[data-kind=stopped]")).to_contain_text("Stopped after", timeout=60_000)
    page.wait_for_timeout(1500)
    page.wait_for_function(AS_MANY_AS_IT_SAYS)
    said = page.locator("#status .status").inner_text()
    count = int(said.split()[2])
    assert count < 15 and "these are what is shown" in said
    page.wait_for_timeout(3000)
    assert len(names(page)) == count + 1 and page.locator("#status .status").inner_text() == said, "nothing goes on"


def test_what_is_missing_is_said_where_one_looks(page):
    tick_only(page, [])
    page.locator("#compare").click()
    expect(page.locator("#status .status[data-kind=error]")).to_have_text("Tick at least one model.")
    page.locator("#photograph").get_by_label("Remove Image").click()
    page.locator("#compare").click()
    expect(page.locator("#status .status[data-kind=error]")).to_contain_text("Choose a photograph first")
