"""How every page looks, by numbers: text can be read in both modes, and nothing has to be scrolled sideways."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page

from .steps import ready

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
WIDTHS = (360, 1400, 3840)


def tabs(page: Page) -> list[str]:
    return [tab["props"]["label"] for tab in page.evaluate("gradio_config.components") if tab["type"] == "tabitem"]


def pages_of(page: Page) -> list[str]:
    from vqzoo.ui import compare
    from vqzoo.ui.app import PAGES

    return [compare.NAME, *(each.NAME for each in PAGES)]


def go(page: Page, name: str) -> None:
    """To a tab, which hides behind a button of its own where there is no room for it."""
    tab = page.locator("#pages > .tab-wrapper").get_by_role("tab", name=name, exact=True).locator("visible=true")
    if not tab.count():
        page.locator("#pages > .tab-wrapper .overflow-menu > button").click()
        tab = page.locator("#pages > .tab-wrapper .overflow-dropdown").get_by_role("button", name=name, exact=True)
    tab.first.click()
    page.wait_for_timeout(300)
    page.wait_for_function("!document.querySelector('.progress-text, .eta-bar')", timeout=60_000)


def picture(page: Page, name: str) -> None:
    """With VQZOO_SCREENSHOTS=docs/screens, take the picture of a page that the documentation shows."""
    folder = os.environ.get("VQZOO_SCREENSHOTS")
    if folder and page.mode == "light":
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(1500)
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        shot.save(Path(folder, f"{name.lower()}-1400-light.webp"), quality=30, method=6)


@pytest.fixture(scope="module", params=["light", "dark"])
def opened(request, browser, app_url) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(60_000)
    page.goto(f"{app_url}/?__theme={request.param}")
    ready(page)
    assert page.evaluate("document.body.classList.contains('dark')") == (request.param == "dark")
    page.mode = request.param
    yield page
    page.close()


def test_text_can_be_read(opened):
    """Contrast of 4.5 to 1, of every text on every page."""
    faint = {}
    for name in pages_of(opened):
        go(opened, name)
        for _ in range(40):  # what is being brought up to date is pale on purpose
            actual = opened.evaluate(CONTRAST)
            if not actual:
                break
            opened.wait_for_timeout(500)
        faint |= {name: actual} if actual else {}
        picture(opened, name)
    assert not faint, "\n".join(f"{name}: {row}" for name, rows in faint.items() for row in rows)


def test_faint_text_is_found(opened):
    opened.evaluate(
        "() => document.body.insertAdjacentHTML("
        """'beforeend', '<p id="faint" style="color: #888; background: #999">x</p>')"""
    )
    actual = opened.evaluate(CONTRAST)
    opened.evaluate("() => document.querySelector('#faint').remove()")
    assert [row for row in actual if row[0] == "x"][0][1] == pytest.approx(1.24, abs=0.02)


def test_nothing_is_scrolled_sideways(browser, app_url):
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(60_000)
    page.goto(app_url)
    ready(page)
    over = {}
    for name in pages_of(page):
        go(page, name)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 1000})
            page.wait_for_timeout(300)
            for _ in range(10):  # tabs and figures follow the window after a moment
                wide = page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth")
                if wide <= 0:
                    break
                page.wait_for_timeout(500)
            over |= {(name, width): wide} if wide > 0 else {}
    page.close()
    assert not over, f"pixels beyond the window, by page and width: {over}"


def test_light_and_dark_are_a_switch_that_is_remembered(browser, app_url):
    context = browser.new_context(color_scheme="light", viewport={"width": 1000, "height": 800})
    page = context.new_page()
    page.goto(app_url)
    ready(page)
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.locator("#theme-switch").focus()
    page.keyboard.press("Enter")
    dark = page.evaluate(ground)
    assert dark != "rgb(255, 255, 255)"
    other = context.new_page()
    other.goto(app_url)
    ready(other)
    assert other.evaluate(ground) == dark
    context.close()


def test_it_can_be_installed(page, app_url):
    manifest = page.request.get(f"{app_url}/manifest.json").json()
    assert manifest["name"] == "vqzoo" and manifest["display"] == "standalone"
    icon = page.request.get(f"{app_url}{manifest['icons'][0]['src'].removeprefix(app_url)}")
    assert icon.headers["content-type"].startswith("image/svg+xml") and b"vqzoo" in icon.body()


def test_keys_reach_the_pages_first(page):
    page.reload()  # no key has been pressed then, and nothing clicked
    page.locator("#choose-answer img").last.wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top >= 0"), "seen when it is reached"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "theme-switch"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
