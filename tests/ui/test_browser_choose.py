"""The page that the app opens with in a real browser: an answer at once, for an own photograph, for every wish."""

import re
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Page, expect

from vqzoo.analysis.examples import examples

from .steps import names, own_photograph

CARDS = "#choose-answer .answer li"
WHOLE = "#choose-status .status[data-kind=done]"

# The milliseconds until something on the page is seen to change, from the moment at which something is asked for.
FIRST_CHANGE = """(act) => new Promise((resolve) => {
  const start = performance.now();
  const observer = new MutationObserver(() => {
    if (!document.querySelector('#choose-answer .answer[data-old]')) return;
    observer.disconnect();
    requestAnimationFrame(() => resolve(performance.now() - start));
  });
  observer.observe(document.querySelector('#choose-answer'), { attributes: true, subtree: true });
  document.querySelector(act).click();
})"""


@pytest.fixture
def choose_page(browser, app_url) -> Page:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(60_000)
    page.goto(app_url)
    page.locator(f"{CARDS} img").nth(7).wait_for()
    yield page
    page.close()


@pytest.fixture(scope="module")
def photograph(tmp_path_factory) -> Path:
    return own_photograph(tmp_path_factory.mktemp("photograph"))


def answered(page: Page, what: str) -> list[str]:
    """Wait for a whole answer whose headline has `what`; returns the names of the cards."""
    expect(page.locator("#choose-answer .headline")).to_contain_text(what, timeout=60_000)
    page.locator(WHOLE).wait_for()
    expect(page.locator("#choose-answer .answer[data-old]")).to_have_count(0)
    return page.locator(f"{CARDS} h3").all_inner_texts()


def test_the_page_opens_with_a_whole_answer(choose_page):
    cards = answered(choose_page, "For 0.6 bits a pixel, take cifar10-vq-1024x128")
    assert len(cards) == 8 and cards[0] == "The photograph"
    assert cards[1].split() == ["1", "cifar10-vq-1024x128"] and "image codec" in cards[-1]
    expect(choose_page.locator("#choose-examples img").last).to_be_visible()


def test_an_own_photograph_is_answered_and_goes_on_to_compare(choose_page, photograph):
    page = choose_page
    page.locator("#choose-photograph input[type=file]").set_input_files(photograph)
    expect(page.locator(CARDS).first).to_contain_text("90 × 61 pixels", timeout=60_000)
    cards = answered(page, "For 0.6 bits a pixel")
    models = [card.split()[-1] for card in cards[1:-1]]
    assert page.locator(f"{CARDS} img").first.evaluate("i => [i.naturalWidth, i.naturalHeight]") == [90, 61]
    page.get_by_role("button", name="Compare these").click()
    for name in models:
        expect(page.locator("#viewer figcaption strong", has_text=re.compile(f"^{name}$"))).to_be_visible(
            timeout=60_000
        )
    assert set(names(page)) == {"original", *models}
    page.wait_for_function("() => document.querySelector('#viewer canvas[aria-label=original]').width === 90")
    expect(page.locator("#pages [role=tab][aria-selected=true]").first).to_have_text("Compare")


def test_a_quality_is_a_wish_and_what_is_old_looks_old_at_once(choose_page):
    milliseconds = choose_page.evaluate(FIRST_CHANGE, "#choose-unit label:nth-of-type(3) input")
    assert milliseconds < 1000, "in the browser, not by the server; benchmarks/app_first_answer.py tells how fast"
    answered(choose_page, "For 30 dB, take")
    expect(choose_page.get_by_label("Wish", exact=True)).to_have_value("30")
    quality = choose_page.locator(CARDS).nth(1).locator("dd").nth(1).inner_text()
    assert float(quality.split()[0]) >= 30


def test_a_wish_that_nothing_meets_and_one_that_is_none_are_told(choose_page):
    value = choose_page.get_by_label("Wish", exact=True)
    value.fill("0.001")
    assert "over the wish" in answered(choose_page, "No model here has so few bits")[1]
    value.fill("-1")
    expect(choose_page.locator("#choose-status .status[data-kind=error]")).to_contain_text("a number above 0")


def test_a_program_gets_records_and_pictures(app_url):
    client = Client(app_url, verbose=False)
    asked = {"photograph": handle_file(next(iter(examples().values()))), "longest": 64, "api_name": "/choose"}
    answer = client.predict(value=1.0, unit="kilobytes", order="psnr", **asked)
    assert answer["headline"].startswith("For 1 kilobytes, take ")
    values = [each["psnr"] for each in answer["models"]]
    assert values == sorted(values, reverse=True) and all(each["meets"] for each in answer["models"])
    assert all(each["bits_per_image"] <= 8400 for each in answer["models"])
    for each in (*answer["models"], answer["codec"]):
        with Image.open(each["png"] if isinstance(each["png"], str) else each["png"]["path"]) as picture:
            assert picture.size == (64, 64) and picture.format == "PNG"
    with pytest.raises(AppError, match="'bytes'.*is not in the list of choices: .'bits a pixel', 'kilobytes'"):
        client.predict(value=1.0, unit="bytes", order="psnr", **asked)
    with pytest.raises(AppError, match="value=-1: expected a number above 0, of kilobytes"):
        client.predict(value=-1, unit="kilobytes", order="psnr", **asked)
