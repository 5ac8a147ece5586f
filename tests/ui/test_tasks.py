"""Six tasks of docs/tasks.md, done in a browser: each is answered, and takes the clicks that the page tells."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from vqzoo.hub.registry import cards_folder

from .conftest import ROOT, serving
from .steps import own_photograph

TASKS = {
    "best": "Which tokenizer is best at 0.6 bits a pixel for my photograph?",
    "differ": "Where do these two differ most?",
    "sky": "Which codevectors draw the sky?",
    "encoding": "Does the encoding change anything?",
    "bits": "How many bits for 30 dB?",
    "own": "Load my own model",
}
LINES = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8").splitlines()
TOLD = {
    task: int(match[1])
    for task, title in TASKS.items()
    for line in LINES
    if (match := re.fullmatch(rf"\| {re.escape(title)} \| (\d+) \|", line))
}
"""Task -> the number of clicks on the page."""
MOST = 6
NAME = "cifar10-vq-1024x128"


class Hand:
    """A page, with a count of the clicks that a visitor makes on it."""

    def __init__(self, page: Page):
        self.page, self.clicks = page, 0

    def click(self, target: Locator, **where: dict[str, float]) -> None:
        target.click(**where)
        self.clicks += 1

    def drop(self, field: str, path: Path) -> None:
        self.page.locator(f"{field} input[type=file]").set_input_files(path)
        self.clicks += 1

    def open(self, name: str) -> None:
        self.click(self.page.locator("#pages").get_by_role("tab", name=name, exact=True).first)


@contextmanager
def visit(browser: Browser, url: str) -> Iterator[Hand]:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(60_000)
    page.goto(url)
    page.locator("#choose-answer li img").nth(7).wait_for()
    yield Hand(page)
    page.close()


@pytest.fixture
def hand(browser, app_url) -> Iterator[Hand]:
    with visit(browser, app_url) as hand:
        yield hand


def test_every_task_is_done_here_and_takes_few_clicks():
    done = {name.removeprefix("test_task_") for name in globals() if name.startswith("test_task_")}
    assert done == TASKS.keys() == TOLD.keys() and max(TOLD.values()) <= MOST
    for task, clicks in TOLD.items():
        start = LINES.index(f"## {TASKS[task]}")
        steps = [line for line in LINES[start + 2 : start + 2 + clicks] if re.match(r"\d\. ", line)]
        assert len(steps) == clicks and not LINES[start + 2 + clicks], f"{task}: a step a click"


def test_task_best(hand, tmp_path):
    hand.drop("#choose-photograph", own_photograph(tmp_path))
    first = hand.page.locator("#choose-answer li").first
    expect(first).to_contain_text("90 × 61 pixels", timeout=60_000)
    hand.page.locator("#choose-status .status[data-kind=done]").wait_for()
    expect(hand.page.locator("#choose-answer .headline")).to_contain_text("For 0.6 bits a pixel, take ")
    assert hand.clicks == TOLD["best"]


def test_task_differ(hand):
    hand.click(hand.page.get_by_role("button", name="Compare these"))
    hand.click(hand.page.get_by_role("tab", name="Where two differ"))
    patches = hand.page.locator("#differ-patches tbody tr")
    expect(patches).to_have_count(4, timeout=60_000)
    heads = hand.page.locator("#differ-patches thead th").all_inner_texts()
    assert heads[:2] == ["patch", "original"] and len(set(heads)) == 4
    means = [float(re.search(r"difference ([\d.]+)", text)[1]) for text in patches.all_inner_texts()]
    assert means == sorted(means, reverse=True) and means[-1] > 0, "the largest difference first"
    assert hand.clicks == TOLD["differ"]


def test_task_sky(hand):
    hand.open("Codebook")
    hand.page.locator("#codebook-tokens .tk[data-ready]").wait_for()
    stage = hand.page.locator("#codebook-tokens .tk-stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    hand.click(stage, position={"x": box["width"] * 0.1, "y": box["height"] * 0.1})
    expect(hand.page.locator("#codebook-patches")).to_contain_text(re.compile(r"Codevector [\d,]+\."))
    expect(hand.page.locator("#codebook-patches img").first).to_be_attached()
    assert hand.clicks == TOLD["sky"]


def test_task_encoding(hand):
    hand.open("Position")
    expect(hand.page.locator("#position-viewer figcaption").filter(has_text="difference of the two")).to_contain_text(
        re.compile(r"mean [\d.]+ / 255"), timeout=60_000
    )
    expect(hand.page.locator("#position-closeups tbody tr")).to_have_count(4, timeout=60_000)
    assert hand.clicks == TOLD["encoding"]


def test_task_bits(hand):
    hand.click(hand.page.get_by_role("radio", name="PSNR in dB, at least"))
    expect(hand.page.locator("#choose-answer .headline")).to_contain_text("For 30 dB, take ", timeout=60_000)
    expect(hand.page.locator("#choose-answer .headline")).to_contain_text(re.compile(r"at [\d.]+ bits a pixel"))
    assert hand.clicks == TOLD["bits"]


def test_task_own(browser, tmp_path):
    """In an app of its own, as the model stays there for all visitors."""
    folder = tmp_path / "my-tokenizer"
    shutil.copytree(cards_folder() / NAME, folder)
    with serving(ROOT, tmp_path / "log.txt") as url, visit(browser, url) as hand:
        hand.open("Zoo")
        field = hand.page.get_by_label("Load another model")
        hand.click(field)
        field.fill(str(folder))
        hand.click(hand.page.get_by_role("button", name="Load it"))
        expect(hand.page.locator("#zoo-progress")).to_contain_text(
            "every page offers it as my-tokenizer", timeout=60_000
        )
        assert hand.clicks == TOLD["own"]
