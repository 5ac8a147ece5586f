"""The page of positional encodings in a real browser."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from .steps import THREE, canvas_pixels, compare, names, own_photograph, upload


@pytest.fixture(scope="module")
def photograph(tmp_path_factory) -> Path:
    return own_photograph(tmp_path_factory.mktemp("photograph"))


def test_twins_are_shown_with_every_difference_and_follow_the_photograph(page, photograph, tmp_path):
    upload(page, photograph)
    compare(page, THREE[:1])
    page.get_by_role("tab", name="Position").click()
    viewer = "#position-viewer"
    page.locator(f"{viewer} .vq-viewer[data-ready='6']").wait_for()
    shown = names(page, viewer)
    assert shown[:2] == ["original", "no encoding"] and shown[3] == "difference of the two"
    one, two, off = (canvas_pixels(page, shown[number], viewer).astype(int) for number in (1, 2, 4))
    for drawn, difference in ((shown[3], np.abs(one - two)), (shown[5], np.abs(two - off))):
        caption = page.locator(f"{viewer} .vq-card").nth(shown.index(drawn)).locator("figcaption span").inner_text()
        assert caption.startswith(f"mean {difference.mean():.2f} / 255"), "computed on the very bytes that are shown"
        brightness = canvas_pixels(page, drawn, viewer).astype(int).sum(-1)
        difference = difference.mean(-1)
        strong, weak = difference >= np.quantile(difference, 0.95), difference <= np.quantile(difference, 0.05)
        assert brightness[strong].min() > brightness[weak].max()
    page.locator("#position-pair input").click()
    page.get_by_role("option", name="cifar10-cvq-1024x128-learned and …-sinusoidal").click()
    page.locator(f"{viewer} .vq-viewer[data-ready='8']").wait_for()

    turned = tmp_path / "turned.png"
    Image.open(photograph).transpose(Image.Transpose.ROTATE_90).save(turned)
    page.get_by_role("tab", name="Compare").click()
    upload(page, turned)
    compare(page, THREE[:1])
    page.get_by_role("tab", name="Position").click()
    page.wait_for_function(f"document.querySelector('{viewer} canvas[aria-label=original]').width === 61")
    page.locator(f"{viewer} .vq-viewer[data-ready='8']").wait_for()
    assert np.array_equal(canvas_pixels(page, "original", viewer), np.array(Image.open(turned)))


def test_close_ups_and_curves_stand_under_the_pictures(page):
    page.get_by_role("tab", name="Position").click()
    page.locator("#position-pair input").click()
    page.locator("#position-pair [role=option]").first.click()
    page.locator("#position-viewer .vq-viewer[data-ready='6']").wait_for()
    patches = page.locator(".position-closeups tbody tr")
    expect(patches).to_have_count(4)
    heads = page.locator(".position-closeups thead th").all_inner_texts()
    assert heads[:3] == ["patch", "original", "no encoding"] and heads[-1].endswith("switched off")
    expect(patches.first.locator("img")).to_have_count(4)
    expect(page.locator("#position-trainings")).to_contain_text("cifar10-cvq-1024x128-learned")
    expect(page.locator("#position-trainings")).to_contain_text("12,800")
    expect(page.locator("#position-curves .js-plotly-plot")).to_have_count(4)
    page.locator("#position-pair input").click()
    page.get_by_role("option", name="flowers-vqgan").click()
    expect(page.locator("#position-trainings")).to_contain_text("flowers-vqgan-1024x256-sinusoidal")
    expect(page.locator("#position-curves .js-plotly-plot")).to_have_count(5)
