"""The page that compares in a real browser: open, compare an own photograph, look closely, take it along, fail well."""

import base64
import io
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
from vqzoo.hub.registry import list_models, load

from .steps import THREE, canvas_pixels, compare, finished, names, own_photograph, table, tick_only, upload
from .test_looks import beyond

# Whoever presses in time: a click from outside may arrive when models that are fast are through.
STOP_AT_THE_SECOND = """() => new MutationObserver((_, observer) => {
  const line = document.querySelector('#status .status[data-kind=running]');
  if (!line || !/[2-9] of /.test(line.textContent)) return;
  observer.disconnect();
  document.querySelector('#stop').click();
}).observe(document.querySelector('#status'), {childList: true, subtree: true, characterData: true})"""
MANY = [model.name for model in list_models() if model.name.startswith("cifar10") and not model.networkless]
ORIGINAL_WIDTH = "document.querySelector('#viewer canvas[aria-label=original]').width"
AS_MANY_AS_TOLD = """() => {
  const told = document.querySelector('#status .status').textContent.split(' ')[2];
  return document.querySelector('#viewer .vq-viewer').dataset.ready === String(Number(told) + 1);
}"""


@pytest.fixture(scope="module")
def photograph(tmp_path_factory) -> Path:
    return own_photograph(tmp_path_factory.mktemp("photograph"))


@pytest.fixture
def compared(page, photograph) -> Page:
    """An own photograph through three models, on the page that tests share, with the viewer as it opens."""
    page.set_default_timeout(20_000)
    if page.locator(".pk-drawer").is_visible():
        page.locator(".pk-close").click()
    if page.locator("#viewer .vq-loupe-on[aria-pressed=true]").count():
        page.locator("#viewer .vq-loupe-on").click()
    page.locator("#viewer .vq-mode[value=all]").click()
    page.locator("#viewer .vq-fit").click()
    page.locator("#viewer .vq-errors").select_option("heat")
    page.locator("#viewer .vq-scale").fill("64")
    page.locator("#codecs input").uncheck()
    own = original_width(page) == 90 and not page.locator("#status .status[data-kind=error]").count()
    if not own:
        upload(page, photograph)
    ticked = page.locator(".models input:checked").evaluate_all("all => all.map(box => box.value)")
    if not own or not sorted(ticked) == sorted(names(page)[1:]) == sorted(THREE):  # a comparison may be on its way
        compare(page, THREE)
    return page


def choose_example(page: Page) -> None:
    """Choose a photograph of 256 pixels, and wait for the three models on it."""
    page.locator("#examples button").nth(1).click()
    page.wait_for_function(f"({ORIGINAL_WIDTH}) === 256")
    finished(page, len(THREE))


CARDS = "#viewer .vq-cards"
DRAWN = "all => all.filter(c => c.clientWidth).map(c => c.style.transform.split('scale')[1])"


def original_width(page: Page) -> int:
    return int(page.evaluate(ORIGINAL_WIDTH))


def number(text: str) -> float:
    return float(text.replace(",", ""))


def press(page: Page, part: str, *keys: str) -> None:
    page.locator(part).focus()
    for key in keys:
        page.keyboard.press(key)


def zoom(page: Page) -> float:
    """Pixels of the screen for a pixel of the picture, measured off the first picture."""
    return page.locator(f"{CARDS} canvas").first.evaluate(
        "c => c.getBoundingClientRect().width * devicePixelRatio / c.width"
    )


def left(page: Page) -> float:
    return page.locator(f"{CARDS} canvas").first.evaluate("c => c.getBoundingClientRect().left")


def test_the_page_opens_on_a_finished_comparison(new_page):
    page = new_page
    shown = names(page)
    assert shown[0] == "original" and len(shown) >= 4
    page.locator("#table tbody td").first.wait_for()
    assert set(table(page)) == set(shown[1:])
    assert canvas_pixels(page, shown[1]).std() > 10, "a picture, not a blank"
    if target := os.environ.get("VQZOO_SCREENSHOT"):
        page.screenshot(path=target)


def test_three_models_on_an_own_photograph(compared, photograph):
    page = compared
    original = np.array(Image.open(photograph))
    assert np.array_equal(canvas_pixels(page, "original"), original)
    rows = table(page)
    assert set(rows) == set(THREE)
    for name in THREE:
        expected = reconstruct(load(name), original)
        assert np.array_equal(canvas_pixels(page, name), expected.pixels), "every pixel as it was computed"
        assert float(rows[name]["PSNR, dB"]) == pytest.approx(expected.metrics["psnr"], abs=0.006)
        assert number(rows[name]["true bits"]) == round(expected.metrics["bits_per_image"])
    # 23 x 16 latents cover 90 x 61 pixels.
    assert number(rows["cifar10-vq-1024x128"]["true bits"]) == 23 * 16 * 10


def test_errors_are_drawn_on_one_scale(compared):
    page = compared
    error = np.abs(canvas_pixels(page, THREE[0]).astype(int) - canvas_pixels(page, "original")).mean(-1)
    drawn = canvas_pixels(page, f"absolute error of {THREE[0]}").astype(int).sum(-1)
    strong, weak = error >= np.quantile(error, 0.95), error <= np.quantile(error, 0.05)
    assert drawn[strong].min() > drawn[weak].max(), "larger errors are brighter"
    page.locator("#viewer .vq-scale").fill("8")
    assert canvas_pixels(page, f"absolute error of {THREE[0]}").mean() > drawn.mean() / 3, "a finer scale is brighter"


def test_zoom_moves_every_picture_alike(compared):
    page = compared
    before = zoom(page)
    page.locator("#viewer .vq-in").click()
    transforms = page.locator(f"{CARDS} canvas").evaluate_all(DRAWN)
    assert len(set(transforms)) == 1 and zoom(page) == pytest.approx(2 * before)
    page.locator("#viewer .vq-fit").click()
    assert zoom(page) == pytest.approx(before)


def test_at_100_percent_a_pixel_is_a_pixel(compared):
    page = compared
    choose_example(page)
    original = canvas_pixels(page, "original")
    screen = page.context.new_cdp_session(page)
    for ratio in (1, 1.5, 2):
        metrics = {"width": 1400, "height": 1000, "deviceScaleFactor": ratio, "mobile": False}
        screen.send("Emulation.setDeviceMetricsOverride", metrics)
        for button, scale in (("1", 1), ("2", 2)):
            page.locator(f"#viewer .vq-true[value='{button}']").click()
            assert zoom(page) == pytest.approx(scale)
            assert page.locator("#viewer .vq-zoom").inner_text() == f"{100 * scale} %"
        page.locator(CARDS).scroll_into_view_if_needed()
        page.mouse.move(0, 0)
        box = page.locator(f"{CARDS} .vq-frame").first.bounding_box()
        # A screenshot's pixels are the screen's: 2 x 2 of them hold one pixel of the picture.
        png = base64.b64decode(screen.send("Page.captureScreenshot")["data"])
        shot = np.array(Image.open(io.BytesIO(png)).convert("RGB"))
        assert shot.shape == (1000 * ratio, 1400 * ratio, 3)
        left, top = (round((box[side] + 20) * ratio) for side in "xy")
        parts = [shot[top + y :, left + x :][:100, :100] for y in (0, 1) for x in (0, 1)]
        (part,) = (part[::2, ::2] for part in parts if np.array_equal(part[::2, ::2], part[1::2, 1::2]))
        corners = [(y, x) for y in range(206) for x in range(206) if np.array_equal(original[y, x], part[0, 0])]
        assert any(np.array_equal(original[y : y + 50, x : x + 50], part) for y, x in corners), "the picture's pixels"
    screen.detach()


def test_the_pixel_under_the_pointer_is_read_in_every_picture(compared):
    page = compared
    compare(page, THREE[:2])
    page.locator("#viewer .vq-true[value='1']").click()
    page.locator("#viewer .vq-loupe-on").click()
    page.locator(f"{CARDS} canvas").first.hover(position={"x": 40.5, "y": 30.5})
    values = page.locator(f"{CARDS} .vq-value")
    original, first = canvas_pixels(page, "original")[30, 40], canvas_pixels(page, THREE[0])[30, 40]
    expect(values.nth(0)).to_have_text("40, 30: " + " ".join(map(str, original)))
    off = np.abs(first.astype(int) - original).mean()
    expect(values.nth(1)).to_have_text(f"{' '.join(map(str, first))} · off by {off:.1f}")
    expect(page.locator(f"{CARDS} .vq-loupe:visible")).to_have_count(3)
    middle = (
        page.locator(f"{CARDS} .vq-loupe")
        .nth(1)
        .evaluate("c => [...c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data.slice(0, 3)]")
    )
    assert middle == first.tolist(), "the loupe shows the pixel in its middle"


def test_garbage_is_answered_with_a_message_and_nothing_is_lost(compared, tmp_path):
    page = compared
    before = names(page)
    garbage = tmp_path / "garbage.png"
    garbage.write_text("this is no picture")
    upload(page, garbage)
    expect(page.locator("#status .status[data-kind=error]")).to_contain_text("The file cannot be read as an image")
    expect(page.locator(".toast-body")).to_contain_text("The file cannot be read as an image")
    assert names(page) == before
    expect(page.locator("#viewer .vq-old")).to_contain_text("Of the photograph as it was before")


def test_searching_keeps_what_is_ticked(compared):
    page = compared
    tick_only(page, ["cifar10-none-128"])
    page.locator(".pk-open").click()
    page.locator("#search").fill("looc 32x4")
    expect(page.locator(".models label:visible")).to_have_text(["cifar10-looc-32x4", "cifar10-none-128"])
    page.locator("#search").fill("arXiv:2601.00222 flowers")
    expect(page.locator(".models label:visible")).to_have_text(["flowers-looc-256x4", "cifar10-none-128"])
    page.locator("#search").fill("")
    page.keyboard.press("Escape")
    expect(page.locator(".pk-drawer")).to_be_hidden()


def test_a_change_is_seen_at_once_and_compared_without_a_button(compared, photograph):
    """Within 100 ms in the browser, and what is old is marked until the new comes."""
    page = compared
    choose_example(page)
    shown = names(page)[1:]
    took = page.evaluate(
        """() => new Promise((done) => {
          const start = performance.now(), viewer = document.querySelector('#viewer .vq-viewer');
          const seen = () => done([performance.now() - start, viewer.querySelectorAll('.vq-gone').length]);
          new MutationObserver(seen).observe(viewer, {attributes: true, attributeFilter: ['data-old']});
          document.querySelector('.pk-chips button').click();
        })"""
    )
    assert took[0] < 100 and took[1] == 1, "of the removed model"
    finished(page, len(shown) - 1)
    assert len(names(page)) == len(shown) and set(names(page)[1:]) < set(shown)
    upload(page, photograph)
    finished(page, len(shown) - 1)
    assert np.array_equal(canvas_pixels(page, "original"), np.array(Image.open(photograph)))
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    expect(page.locator("#compare")).to_be_in_viewport()


def test_codecs_are_folded_behind_their_models(compared):
    page = compared
    compare(page, THREE[:2])
    page.locator("#codecs input").check()
    expect(page.locator("#status .status")).to_contain_text("2 models and", timeout=60_000)
    assert names(page) == ["original", *THREE[:2]] and set(table(page)) == set(THREE[:2])
    fold = page.locator("#viewer .vq-fold").first
    expect(fold).to_contain_text("codecs at these bits, best ")
    fold.click()
    assert len(names(page)) > 3 and all(" at 3,680 bits" in name for name in names(page)[2:-1])
    page.locator("#table .ms-fold").first.click()
    assert len(table(page)) == len(names(page)) - 1
    page.locator("#table thead button").nth(1).click()
    rows = {name: number(row["PSNR, dB"]) for name, row in table(page).items() if name in THREE}
    assert list(rows.values()) == sorted(rows.values()), "sorted by a head"


def test_a_narrow_screen_needs_no_sideways_scrolling(compared):
    page = compared
    beyond(page, 390)  # waits for what follows the window after a moment
    width = page.evaluate("document.documentElement.scrollWidth")
    lines = page.locator("#table tbody td").evaluate_all("all => all.map(cell => getComputedStyle(cell).whiteSpace)")
    page.set_viewport_size({"width": 1400, "height": 1000})
    assert width <= 390
    assert set(lines) == {"nowrap"}, "a figure stays on one line, the table scrolls"


def test_the_viewer_is_moved_by_keys_and_stays_where_it_is_for_the_same_photograph(compared):
    page = compared
    fit = zoom(page)
    press(page, CARDS, "+")
    assert zoom(page) == pytest.approx(1.5 * fit)
    middle = left(page)
    press(page, CARDS, "ArrowRight")
    moved = left(page)
    width = page.locator(f"{CARDS} .vq-frame").first.evaluate("f => f.clientWidth")
    assert middle - moved == pytest.approx(0.1 * width, abs=1.5), "a tenth of the frame"
    press(page, "#viewer .vq-scale", "ArrowRight")
    assert left(page) == moved, "keys of other controls are theirs"
    compare(page, THREE[:2])
    assert len(set(page.locator(f"{CARDS} canvas").evaluate_all(DRAWN))) == 1
    assert page.locator("#viewer .vq-fit").get_attribute("aria-pressed") == "false", "other models, the same zoom"
    press(page, CARDS, "0")
    assert page.locator("#viewer .vq-fit").get_attribute("aria-pressed") == "true"
    ring = page.locator(CARDS).evaluate("c => getComputedStyle(c).outlineStyle")
    assert ring == "solid", "focus is seen"


def test_keys_choose_pictures_and_a_sheet_tells_them(compared):
    page = compared
    shown = names(page)
    viewer, tag = page.locator("#viewer .vq-viewer"), page.locator("#viewer .vq-stage .vq-left")
    press(page, CARDS, "3")
    expect(viewer).to_have_attribute("data-mode", "blink")
    expect(tag).to_have_text(shown[2])
    page.locator("#viewer .vq-stage").hover()
    page.keyboard.press("2")
    expect(tag).to_have_text(shown[1])
    page.keyboard.press("s")
    expect(viewer).to_have_attribute("data-mode", "slider")
    page.keyboard.press("t")
    expect(page.locator("#viewer .vq-beside canvas:not(.vq-loupe)")).to_have_count(2)
    assert np.array_equal(
        canvas_pixels(page, f"right: {shown[1]}", "#viewer .vq-beside"), canvas_pixels(page, shown[1])
    )
    page.keyboard.press("f")
    filled = viewer.evaluate("v => { const box = v.getBoundingClientRect(); return [box.width, box.height]; }")
    assert filled == [1400, 1000], "the whole window"
    page.keyboard.press("?")
    expect(page.locator("#viewer .vq-keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#viewer .vq-keys")).to_be_hidden()
    page.keyboard.press("Escape")
    assert "vq-window" not in viewer.get_attribute("class")
    page.keyboard.press("a")
    expect(viewer).to_have_attribute("data-mode", "all")


def test_two_in_one_place_slider_and_blink(compared):
    page = compared
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
    tag = page.locator("#viewer .vq-stage .vq-left")
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


def test_a_tolerance_map_is_white_where_more_is_off(compared):
    page = compared
    page.locator("#viewer .vq-errors").select_option("tolerance")
    error = np.abs(canvas_pixels(page, THREE[0]).astype(int) - canvas_pixels(page, "original")).mean(-1)
    for tolerance in (16, 3):
        page.locator("#viewer .vq-scale").fill(str(tolerance))
        drawn = canvas_pixels(page, f"absolute error of {THREE[0]}")
        assert set(np.unique(drawn)) <= {0, 255} and np.array_equal(drawn[..., 0] == 255, error > tolerance)
        share = page.locator("#viewer .vq-share").nth(1).inner_text()
        assert share == f"{(error > tolerance).mean() * 100:.1f} % of pixels off by more"


def test_pictures_and_table_are_sorted_at_once_by_what_is_there(compared):
    page = compared
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


def test_a_blind_vote_reveals_names_only_then(compared):
    page = compared
    page.get_by_role("tab", name="Blind test").click()
    page.locator("#blind-draw").click()
    page.locator("#blind-viewer .vq-viewer[data-ready='3']").wait_for()
    assert names(page, "#blind-viewer") == ["left", "original", "right"]
    assert not any(name in page.locator("#blind-viewer").inner_html() for name in THREE)
    left = canvas_pixels(page, "left", "#blind-viewer")
    whose = next(name for name in THREE if np.array_equal(left, canvas_pixels(page, name)))
    page.get_by_role("button", name="Left is closer").click()
    expect(page.locator("#blind-verdict")).to_contain_text(f"The left one is {whose}")
    expect(page.locator("#blind-tally [role=gridcell]").first).to_have_text(whose)
    expect(page.get_by_role("button", name="Left is closer")).to_be_disabled()


def test_levels_of_a_residual_model(compared, photograph):
    page = compared
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


def test_everything_is_exported(compared, tmp_path):
    page = compared
    with page.expect_download() as download:
        page.locator("#export").click()
    assert download.value.suggested_filename.startswith("vqzoo-3-rows-side-256-")
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as files:
        shown = np.array(Image.open(files.open(f"{THREE[0]}.png")))
        settings = json.loads(files.read("settings.json"))
    assert np.array_equal(shown, canvas_pixels(page, THREE[0]))
    assert settings["photograph"]["width"] == 90
    with page.expect_download() as download:
        page.get_by_role("link", name=f"Save {THREE[0]} as a lossless PNG").click()
    assert download.value.suggested_filename == f"{THREE[0]}.png"
    saved = Image.open(download.value.path())
    assert saved.format == "PNG" and np.array_equal(np.array(saved.convert("RGB")), shown)


def test_a_link_opens_on_the_comparison_it_was_made_of(new_page, app_url):
    page = new_page
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


def test_stop_stops_at_the_next_model_and_says_what_there_is(compared, tmp_path):
    page = compared
    large = tmp_path / "large.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (1024, 1024, 3), np.uint8)).save(large)
    page.locator("#side input").click()
    page.get_by_role("option", name="1024", exact=True).click()
    page.locator("#photograph").get_by_label("Remove Image").click()
    tick_only(page, MANY)
    expect(page.locator("#status .status[data-kind=error]")).to_contain_text("Choose a photograph first")
    page.evaluate(STOP_AT_THE_SECOND)
    page.locator("#photograph input[type=file]").set_input_files(large)
    expect(page.locator("#status .status[data-kind=stopped]")).to_contain_text("Stopped after", timeout=60_000)
    page.wait_for_timeout(1500)
    page.wait_for_function(AS_MANY_AS_TOLD)
    text = page.locator("#status .status").inner_text()
    count = int(text.split()[2])
    assert count < len(MANY) and "these are what is shown" in text
    page.wait_for_timeout(3000)
    assert len(names(page)) == count + 1 and page.locator("#status .status").inner_text() == text, "nothing goes on"


def test_what_is_missing_is_said_where_one_looks(compared):
    page = compared
    tick_only(page, [])
    expect(page.locator("#status .status[data-kind=error]")).to_have_text("Tick at least one model.")
    page.locator("#photograph").get_by_label("Remove Image").click()
    page.locator("#compare").click()
    expect(page.locator("#status .status[data-kind=error]")).to_contain_text("Choose a photograph first")
