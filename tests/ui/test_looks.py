"""How every page looks and can be used, by numbers: contrast in both modes, widths, and axe-core's findings."""

import io
import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page

from .conftest import opened
from .steps import ready

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
WIDTHS = (360, 1400, 3840)
_VISIBLE = {"exclude": [["#pages [role=tabpanel][style*='display: none']"]]}
"""Pages out of sight are laid out, too, and take axe seconds."""
_OPTIONS = {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": False}}}
"""Contrast, in both modes, is measured here."""


def tabs(page: Page) -> list[str]:
    return [tab["props"]["label"] for tab in page.evaluate("gradio_config.components") if tab["type"] == "tabitem"]


def pages_of(page: Page) -> list[str]:
    from vqzoo.ui import choose, compare
    from vqzoo.ui.app import PAGES

    return [each.NAME for each in (choose, compare, *PAGES)]


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
    if folder := os.environ.get("VQZOO_SCREENSHOTS"):
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(1500)
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        shot.save(Path(folder, f"{name.lower()}-1400-light.webp"), quality=30, method=6)


@pytest.fixture(scope="module")
def page(browser, app_url) -> Iterator[Page]:
    with opened(browser, f"{app_url}/?__theme=light") as page:
        yield page


def faint(page: Page) -> list[str]:
    """Texts with a contrast under 4.5 to 1."""
    for _ in range(40):  # what is being brought up to date is pale on purpose
        actual = page.evaluate(CONTRAST)
        if not actual:
            break
        page.wait_for_timeout(500)
    return actual


def beyond(page: Page, width: int) -> int:
    """Pixels beyond a window of this width."""
    page.set_viewport_size({"width": width, "height": 1000})
    page.wait_for_timeout(300)
    for _ in range(10):  # tabs and figures follow the window after a moment
        wide = page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth")
        if wide <= 0:
            break
        page.wait_for_timeout(500)
    return max(0, wide)


def unreachable(page: Page) -> list[str]:
    """Serious findings of axe-core."""
    response = Axe().run(page, context=_VISIBLE, options=_OPTIONS).response
    return [
        f"{each['impact']} {each['id']}: {node['html'][:120]}"
        for each in response["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.fixture(scope="module")
def walk(page) -> dict[str, dict[str, object]]:
    """Faults of every page, by kind and page; each page is visited once."""
    faults: dict[str, dict[str, object]] = {"faint": {}, "beyond": {}, "unreachable": {}}
    for name in pages_of(page):
        go(page, name)
        for mode in ("light", "dark"):
            assert page.evaluate("document.body.classList.contains('dark')") == (mode == "dark")
            faults["faint"][f"{name}, {mode}"] = faint(page)
            if mode == "light":
                picture(page, name)
            page.locator("#theme-switch").click()
        faults["unreachable"][name] = unreachable(page)
        for width in WIDTHS:
            faults["beyond"][f"{name} at {width}"] = beyond(page, width)
        page.set_viewport_size({"width": 1400, "height": 1000})
    return {kind: {where: fault for where, fault in each.items() if fault} for kind, each in faults.items()}


def test_text_can_be_read(walk):
    """Contrast of 4.5 to 1, of every text on every page, in both modes."""
    assert not walk["faint"]


def test_nothing_is_scrolled_sideways(walk):
    assert not walk["beyond"], "pixels beyond the window"


def test_no_page_has_a_serious_finding(walk):
    """No finding of axe-core that keeps someone with a screen reader or a keyboard from using a page."""
    assert not walk["unreachable"]


def test_faint_text_is_found(page):
    page.evaluate(
        "() => document.body.insertAdjacentHTML("
        """'beforeend', '<p id="faint" style="color: #888; background: #999">x</p>')"""
    )
    actual = page.evaluate(CONTRAST)
    page.evaluate("() => document.querySelector('#faint').remove()")
    assert [row for row in actual if row[0] == "x"][0][1] == pytest.approx(1.24, abs=0.02)


def test_a_control_without_a_name_is_a_finding(page):
    page.evaluate("document.querySelector('#footer').insertAdjacentHTML('beforeend', '<button id=nameless></button>')")
    actual = unreachable(page)
    page.evaluate("document.querySelector('#nameless').remove()")
    assert any("nameless" in each for each in actual)


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


def test_it_can_be_installed(app_url):
    with urllib.request.urlopen(f"{app_url}/manifest.json") as file:
        manifest = json.load(file)
    assert manifest["name"] == "vqzoo" and manifest["display"] == "standalone"
    with urllib.request.urlopen(f"{app_url}{manifest['icons'][0]['src'].removeprefix(app_url)}") as icon:
        assert icon.headers["content-type"].startswith("image/svg+xml") and b"vqzoo" in icon.read()


def test_keys_reach_the_pages_first(page):
    page.reload()  # no key has been pressed then, and nothing clicked
    page.locator("#choose-answer img").last.wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top >= 0"), "seen when it is reached"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "theme-switch"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
