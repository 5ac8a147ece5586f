"""The page of rate and distortion in a real browser."""

import re

import pytest
from gradio_client import Client
from playwright.sync_api import Page, expect

from .steps import ready

expect.set_options(timeout=60_000)


def open_part(page: Page, name: str) -> None:
    page.locator("#rate-parts").get_by_role("tab", name=name, exact=True).click()


@pytest.fixture
def rate(page) -> Page:
    """Distortion over bits a pixel, on CIFAR-10."""
    page.get_by_role("tab", name="Rate", exact=True).click()
    open_part(page, "Models")
    page.locator("#rate-dataset").get_by_text("cifar10").click()
    choose(page, "#rate-axis", "bits per pixel")
    expect(page.locator("#rate-story")).to_contain_text("bits per pixel")
    return page


def choose(page: Page, dropdown: str, option: str) -> None:
    page.locator(f"{dropdown} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def test_the_story_changes_with_the_axis(rate):
    expect(rate.locator("#rate-figure .legendtext").filter(has_text="JPEG")).to_be_visible()
    points = rate.locator("#rate-figure path.point")
    by_bits = points.count()
    assert by_bits > 30, "models and codecs"
    choose(rate, "#rate-axis", "codebook size")
    expect(rate.locator("#rate-story")).to_contain_text("cifar10-looc-32x4 moves the furthest")
    expect(rate.locator("#rate-figure .xtitle")).to_have_text("codebook size K")
    expect(rate.locator("#rate-figure .legendtext").filter(has_text="JPEG")).to_have_count(0)
    rate.locator("#rate-dataset").get_by_text("flowers").click()
    expect(rate.locator("#rate-table")).to_contain_text("flowers-looc-256x4")


def test_bits_for_a_quality_are_those_of_measured_models(rate):
    open_part(rate, "Bits for a quality")
    answer = rate.locator("#rate-answer")
    expect(answer).to_contain_text(re.compile(r"30.00 dB: between 0.919 and 4 bits a pixel.* WebP [\d.]+"))
    rate.locator("#rate-wish input").fill("60")
    rate.locator("#rate-wish input").press("Tab")
    expect(answer).to_contain_text("No model measured here has 60.00 dB")
    rate.locator("#rate-law-part button").first.click()
    expect(rate.locator("#rate-law-about")).to_contain_text("too far from what was measured")


def test_a_point_shows_the_photograph_through_its_model(rate):
    point = rate.locator("#rate-figure path.point").first
    point.wait_for()
    box = point.bounding_box()
    for shift in (3, 0):  # a pointer that comes, not one that appears
        rate.mouse.move(box["x"] + box["width"] / 2 + shift, box["y"] + box["height"] / 2)
    card = rate.locator("#rate-peek figure")
    expect(card).to_be_visible()
    expect(card).to_contain_text(re.compile(r"your photograph: [\d.]+ dB, [\d.]+ bits a pixel"))
    assert card.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 192
    rate.mouse.move(5, 5)
    expect(card).to_be_hidden()


def test_headings_and_names_are_explained_where_one_points(rate):
    head = rate.locator("#rate-table [role=columnheader]").filter(has_text="LPIPS").first
    head.hover()
    expect(head).to_have_attribute("title", re.compile("Perceptual distance"))
    cell = rate.locator("#rate-table [role=gridcell]").filter(has_text="cifar10-fsq-8-5-5-5").first
    cell.hover()
    expect(cell).to_have_attribute("title", re.compile("arXiv:2309.15505"))


def test_own_points_are_drawn_and_compared(rate):
    rate.locator("#rate-own-points button").first.click()
    rate.locator("#rate-own textarea").fill("mine, 2, 30")
    expect(rate.locator("#rate-figure .annotation-text").filter(has_text="mine")).to_be_visible()
    expect(rate.locator("#rate-against")).to_contain_text("your points")


def test_costs_and_entropies_can_be_saved(rate):
    open_part(rate, "Cost of a lookup")
    row = rate.locator("#rate-costs [role=row]").filter(has_text=re.compile("cifar10-looc-256x4(?!-)"))
    expect(row).to_contain_text("2,097,152")
    with rate.expect_download() as saved:
        rate.get_by_role("link", name="Save as vqzoo-cifar10-lookup.csv").click()
    assert "cifar10-looc-256x4,1,256,4096,2097152,0," in saved.value.path().read_text()
    open_part(rate, "Entropy coding")
    choose(rate, "#rate-entropy-model", "cifar10-rvq-8x256")
    # Eight columns, each with a bar of either kind.
    expect(rate.locator("#rate-columns .bars path")).to_have_count(16)


def test_the_own_photograph_against_codecs(rate):
    open_part(rate, "This photograph")
    expect(rate.locator("#rate-models")).to_contain_text("cifar10-rvq-8x256")
    rate.locator("#rate-measure").click()
    expect(rate.locator("#rate-photo .legendtext").filter(has_text="WebP")).to_be_visible()
    expect(rate.locator("#rate-note")).not_to_contain_text("so far")
    expect(rate.locator("#rate-photo-table")).to_contain_text("neighbours")
    rate.locator("#rate-photo-metric").get_by_text("SSIM", exact=True).click()
    expect(rate.locator("#rate-photo .ytitle")).to_have_text("SSIM")


def test_a_narrow_screen_needs_no_sideways_scrolling(browser, app_url):
    page = browser.new_page(viewport={"width": 360, "height": 800})
    page.set_default_timeout(60_000)
    page.goto(app_url)
    ready(page)
    tab = page.get_by_role("tab", name="Rate", exact=True)
    if not tab.is_visible():
        page.locator("#pages > * > .overflow-menu > button").first.click()
        tab = page.locator("#pages > * > .overflow-menu").get_by_text("Rate", exact=True)
    tab.click()
    expect(page.locator("#rate-story")).to_contain_text("bits per pixel")
    legend = page.locator("#rate-figure .legend")
    legend.wait_for()
    width = page.evaluate("document.documentElement.scrollWidth")
    box, plot = legend.bounding_box(), page.locator("#rate-figure .main-svg").first.bounding_box()
    page.close()
    assert width <= 360
    assert box["x"] >= plot["x"] and box["x"] + box["width"] <= plot["x"] + plot["width"] + 1, "all of the legend"


def test_the_same_from_a_program(app_url):
    client = Client(app_url, verbose=False)
    actual = client.predict("cifar10", "psnr", "codebook size", api_name="/rate_distortion")
    assert "moves the furthest" in actual["story"] and actual["front"] == ["cifar10-looc-32x4", "cifar10-looc-256x4"]
    assert {row["model"]: row["PSNR, dB"] for row in actual["models"]}["cifar10-rvq-8x256"] == 36.07
    answer = client.predict("cifar10", 30.0, api_name="/bits_for_quality")
    assert answer["missed_by"]["psnr"] < 30 <= answer["reached_by"]["psnr"]
    costs = {row["model"]: row for row in client.predict("cifar10", api_name="/lookup_costs")}
    assert costs["cifar10-looc-32x4"]["search, multiplications"] == 262144
    assert client.predict("flowers", api_name="/entropy_coding")[0]["fixed-length bits"] > 0
    with pytest.raises(Exception, match="did you mean 'cifar10'"):
        client.predict("cifar", "psnr", "codebook size", api_name="/rate_distortion")
    measured = client.predict(["cifar10-vq-1024x128"], "psnr", api_name="/photograph_rates")
    assert measured["models"][0]["model"] == "cifar10-vq-1024x128"
    assert {point["kind"] for point in measured["points"]} >= {"JPEG", "WebP"}
