"""The page of codebooks in a real browser: read a cell, pick a codevector, change a token."""

import re

import numpy as np
import pytest
import torch
from gradio_client import Client
from PIL import Image
from playwright.sync_api import Page, expect

from vqzoo.analysis.examples import examples
from vqzoo.hub.registry import load
from vqzoo.ops.pixels import from_bytes
from vqzoo.views.engine import Engine
from vqzoo.views.opening import PHOTOGRAPH, SIDE

from .steps import compare, ready

VQ, LOOC, NONE = "cifar10-vq-1024x128", "cifar10-looc-256x4", "cifar10-none-128"


def indices(path: str, name: str) -> np.ndarray:
    """(h, w, q) of a photograph as the app opens with it."""
    pixels = Engine([]).photo(path, SIDE).pixels
    with torch.inference_mode():
        return load(name).encode(from_bytes(torch.from_numpy(pixels).permute(2, 0, 1)[None])).grids[0][0].numpy()


def opened(page: Page, name: str = VQ) -> None:
    tab = page.locator("#pages > .tab-wrapper").get_by_role("tab", name="Codebook", exact=True).locator("visible=true")
    if not tab.count():  # where there is no room for it, it hides behind a button
        page.locator("#pages > .tab-wrapper .overflow-menu > button").click()
        tab = page.locator("#pages > .tab-wrapper .overflow-dropdown").get_by_role(
            "button", name="Codebook", exact=True
        )
    tab.first.click()
    ready = page.locator("#codebook-tokens .tk[data-ready]")
    ready.wait_for()
    choose(page, "#codebook-model", name)
    page.locator(f'#codebook-map .sc[data-ready^="{name}-codebook-1 "]').wait_for()


def choose(page: Page, dropdown: str, option: str) -> None:
    box = page.locator(f"{dropdown} input")
    if box.input_value() != option:
        box.click()
        page.get_by_role("option", name=option, exact=True).click()


def numbers(text: str) -> list[int]:
    return [int(part.replace(",", "")) for part in re.findall(r"\d[\d,]*", text)]


def test_a_cell_is_read_by_pointer_and_keyboard_and_picked(page, first_photograph):
    opened(page)
    grid = indices(first_photograph, VQ)[..., 0]
    stage, read = page.locator("#codebook-tokens .tk-stage"), page.locator("#codebook-tokens .tk-read")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    stage.hover(position={"x": box["width"] * 10.5 / 64, "y": box["height"] * 20.5 / 64})
    expect(read).to_contain_text(f"Row 21, column 11: codevector {grid[20, 10]:,} of 1,024.")
    stage.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    expect(read).to_contain_text(f"Row 20, column 12: codevector {grid[19, 11]:,} of 1,024.")
    expect(read).to_contain_text(f"Chosen {(grid == grid[19, 11]).sum():,} of 4,096 times here")
    page.keyboard.press("Enter")
    patches = page.locator("#codebook-patches")
    expect(patches).to_contain_text(f"Codevector {grid[19, 11]:,}.")
    expect(patches).to_contain_text("In the first 64 images of the test split of cifar10")
    expect(page.locator(f'#codebook-map .sc[data-ready$=" {grid[19, 11]}"]')).to_have_count(1)
    expect(page.locator("#codebook-new input")).to_have_value(str(grid[19, 11]))


def test_a_point_of_the_map_is_picked_and_laid_out_anew(page):
    opened(page)
    stage = page.locator("#codebook-map .sc-stage")
    assert page.locator("#codebook-map .sc-methods button").all_inner_texts() == ["PCA", "t-SNE", "UMAP"]
    picture = "c => c.toDataURL()"
    before = page.locator("#codebook-map .sc-base").evaluate(picture)
    page.locator("#codebook-map .sc-methods button").nth(1).click()
    assert page.locator("#codebook-map .sc-base").evaluate(picture) != before
    stage.focus()
    page.keyboard.press("ArrowRight")
    index = numbers(page.locator("#codebook-map .sc-read").inner_text())[0]
    page.keyboard.press("Enter")
    expect(page.locator("#codebook-patches")).to_contain_text(f"Codevector {index:,}.")
    expect(page.locator("#codebook-patches")).to_contain_text("rank 1 of 1,024")
    expect(page.locator(f'#codebook-tokens .tk[data-ready$=" {index}"]')).to_have_count(1)
    with page.expect_download() as download:
        page.locator("#codebook-map .sc-csv").click()
    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1025 and lines[0].startswith("index,times on the test split,times in this image,PCA x")


def test_tokens_are_changed_one_after_the_other_and_set_back(page):
    opened(page, LOOC)
    choose(page, "#codebook-column", "segment 5 of 32")
    expect(page.locator("#codebook-tokens .tk-read")).to_be_visible()
    for row, note in (("3", "row 3, column 4"), ("9", "row 9, column 4")):
        page.locator("#codebook-row input").fill(row)
        page.locator("#codebook-cell input").fill("4")
        page.locator("#codebook-new input").fill("77")
        page.locator("#codebook-apply").click()
        expect(page.locator("#codebook-viewer .vq-note")).to_contain_text(f"segment 5 of 32, {note}")
    expect(page.locator("#codebook-viewer .vq-viewer")).to_have_attribute("data-ready", "3")
    expect(page.locator("#codebook-viewer .vq-note")).to_contain_text("row 3, column 4")
    page.locator("#codebook-undo").click()
    expect(page.locator("#codebook-viewer .vq-note")).not_to_contain_text("row 9")
    page.locator("#codebook-new input").fill("256")
    page.locator("#codebook-apply").click()
    expect(page.get_by_text("expected a whole number from 0 to 255")).to_be_visible()
    page.locator("#codebook-reset").click()
    expect(page.locator("#codebook-viewer .vq-viewer")).to_have_attribute("data-ready", "0")


def test_a_model_without_a_codebook_says_so(page):
    opened(page)
    choose(page, "#codebook-model", NONE)
    expect(page.locator("#codebook-problem")).to_contain_text("has no codebook to look at")
    expect(page.locator("#codebook-tokens")).to_be_hidden()
    choose(page, "#codebook-model", LOOC)
    page.locator("#codebook-sharing .js-plotly-plot").wait_for()
    expect(page.locator("#codebook-problem")).to_be_hidden()
    expect(page.locator("#codebook-figures")).to_contain_text("shared by 32 columns")


def test_a_narrow_screen_needs_no_sideways_scrolling(browser, app_url):
    page = browser.new_page(viewport={"width": 360, "height": 800})
    page.set_default_timeout(60_000)
    page.goto(app_url)
    ready(page)
    opened(page, LOOC)
    width = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert width <= 360


def test_the_same_for_programs(app_url, first_photograph):
    client = Client(app_url, verbose=False)
    told = client.predict(VQ, api_name="/codebook")
    assert told["here"]["choices"] == 4096 and told["layers"] == ["the only one"]
    cells = client.predict(LOOC, "segment 5 of 32", api_name="/tokens")
    assert np.array_equal(np.array(cells["indices"]), indices(first_photograph, LOOC)[..., 4])
    before, after = client.predict(VQ, [["the only one", 0, 0, 5]], api_name="/change_tokens")
    assert (before["caption"], after["caption"]) == ("as encoded", "changed")
    one, two = (np.asarray(Image.open(each["image"])).astype(int) for each in (before, after))
    assert one.shape == (256, 256, 3) and np.abs(one - two)[:8, :8].max() > 0
    assert np.array_equal(one[128:], two[128:]), "one token changes what is near it"


def test_what_is_picked_opens_beside_the_pointer(page):
    opened(page)
    card = page.locator(".cb-popup")
    stage = page.locator("#codebook-tokens .tk-stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    x, y = box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3
    page.mouse.click(x, y)
    expect(card).to_be_visible()
    expect(card.locator("img").first).to_be_visible()
    place = card.bounding_box()
    assert 0 < place["x"] - x < 40 and abs(place["y"] - y) < 320
    page.mouse.move(x + 200, y + 200)
    expect(card).to_be_hidden()


def test_another_photograph_is_taken_on_the_page_and_a_comparison_replaces_it(page):
    opened(page)
    photo, figures = page.locator("#codebook-photo"), page.locator("#codebook-figures")
    expect(photo).to_contain_text("Rocket")
    photo.get_by_role("button", name="Another photograph").click()
    photo.get_by_role("button", name="example: cat").click()
    expect(photo).to_contain_text("Cat")
    used = len(np.unique(indices(str(examples()["Cat"]), VQ)))
    expect(figures).to_contain_text(f"{used} of 1,024")
    page.get_by_role("tab", name="Compare", exact=True).click()
    page.locator("#examples button").first.click()
    compare(page, [VQ])
    page.get_by_role("tab", name="Codebook", exact=True).click()
    expect(photo).to_contain_text("Astronaut")


@pytest.fixture
def first_photograph() -> str:
    return str(examples()[PHOTOGRAPH])
