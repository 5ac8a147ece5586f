"""The bundle of the Space, started as a Space starts it, in a real browser."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from .conftest import ROOT, serving
from .steps import ready, table, tick_only

expect.set_options(timeout=60_000)  # the first comparison waits for torch

TWO = ["cifar10-vq-1024x128", "cifar10-looc-256x4"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("space") / "vqzoo"
    subprocess.run([sys.executable, "spaces/deploy.py", "--output", folder], cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def space_url(folder) -> Iterator[str]:
    """`python app.py` in the bundle, offline, with the variables that a Space has."""
    log = folder.parent / "log.txt"
    variables = {"SYSTEM": "spaces", "SPACE_ID": "owner/vqzoo", "HF_HUB_OFFLINE": "1"}
    with serving(folder, log, **variables) as url:
        yield url
        # Gradio on a Space starts a second server, whose event loop ends untidily: Python says so and goes on.
        message = re.sub(r"Exception ignored in: <function BaseEventLoop.__del__.*\nTraceback", "", log.read_text())
        assert "Traceback" not in message, message


@pytest.fixture(scope="module")
def page(browser, space_url) -> Iterator[Page]:
    """The opened page; fails the test for an error on it, or for a request to a machine that is not the Space's own."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    faults: list[str] = []

    def elsewhere(route: Route) -> None:
        """The head that Gradio gives the page of a Space asks these; answered here, as there is no network."""
        if route.request.url.endswith("/owner/avatar"):
            route.fulfill(json={"avatarUrl": "data:,"})
        elif route.request.url.startswith("https://huggingface.co/api/"):
            route.fulfill(json={"id": "owner/vqzoo", "author": "owner", "likes": 0})
        elif route.request.url.startswith("https://fonts.googleapis.com/"):
            route.fulfill(body="", content_type="text/css")
        else:
            faults.append(f"a request to another machine: {route.request.url[:200]}")
            route.abort()

    page.route(re.compile("^https?://(?!127[.]0[.]0[.]1)"), elsewhere)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda message: faults.append(f"{message.text} {message.location}") if message.type == "error" else None,
    )
    page.set_default_timeout(60_000)
    page.goto(space_url)
    ready(page)
    yield page
    page.close()
    assert not faults, faults


def test_it_is_the_bundle_that_runs(folder):
    code = "import vqzoo; print(vqzoo.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(folder / "vqzoo" / "__init__.py")


def tick(page: Page, number: int, first: list[str]) -> None:
    """`number` models and no others, those of `first` among them."""
    names = page.locator(".models label input").evaluate_all("all => all.map(box => box.value)")
    tick_only(page, [*first, *(name for name in names if name not in first)][:number])


def test_an_example_through_two_models(page):
    page.locator("#examples button").nth(1).click()
    tick(page, 2, TWO)
    page.locator("#compare").click()
    expect(page.locator("#viewer figcaption strong")).to_have_count(3)
    expect(page.locator("#viewer .vq-viewer")).to_have_attribute("data-ready", "3")
    assert list(table(page)) == TWO
    if target := os.environ.get("VQZOO_SCREENSHOT"):
        page.evaluate("window.scrollTo(0, 0)")
        page.screenshot(path=target)


def test_whoever_stops_may_compare_again(page):
    tick(page, 12, TWO)
    page.locator("#examples button").nth(2).click()  # of which nothing is known yet
    expect(page.locator("#status")).to_contain_text(re.compile(r"\d+ of \d+ models"))
    page.locator("#stop").click()
    tick(page, 2, TWO)
    page.locator("#compare").click()
    expect(page.locator("#viewer .vq-viewer")).to_have_attribute("data-ready", "3")
    expect(page.get_by_text("still running")).to_have_count(0)


def test_too_much_is_refused_in_words(page):
    tick(page, 13, TWO)
    page.locator("#compare").click()
    refused, cure = (
        "13 models are ticked, and this app takes 12 at a click",
        "untick some, or run it on a machine",
    )
    message = f"{refused}: {cure} of your own."
    expect(page.locator("#status [role=status]")).to_have_text(message)
    expect(page.get_by_test_id("toast-text").filter(has_text=message).first).to_be_visible()
    page.locator("#side input").click()
    expect(page.get_by_role("option", name="512")).to_be_visible()
    expect(page.get_by_role("option", name="1024")).to_have_count(0)
    if target := os.environ.get("VQZOO_SCREENSHOT"):
        page.screenshot(path=f"{target}.refused.png")
