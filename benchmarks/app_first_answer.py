"""From `python app.py` to the first answer for an own photograph: `python benchmarks/app_first_answer.py [--starts 5]`.

A visitor opens the address and drops a photograph of 1600 x 1200 pixels as soon as the page takes one: two actions. The
answer is whole when every card on the page is of that photograph. What is asked for next, all controls one after the
other, is timed to the first change that is drawn: what is on the page is marked as old.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from app_running import chromium, running
from PIL import Image
from playwright.sync_api import Error, Page, sync_playwright
from side_by_side import machine

from vqzoo.analysis.examples import examples

FIELD = "#choose-photograph input[type=file]"
FIRST_CARD = "document.querySelector('#choose-answer li')?.innerText.includes('256 × 192')"
WHOLE = FIRST_CARD + " && document.querySelector('#choose-status .status[data-kind=done]')"
CONTROLS = {
    "a quality": "#choose-unit label:nth-of-type(3) input",
    "a size": "#choose-unit label:nth-of-type(2) input",
    "an example": "#choose-examples button",
}
CHANGED = """(selector) => new Promise((resolve) => {
  const start = performance.now();
  const drawn = () => requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
  const observer = new MutationObserver(() => {
    if (document.querySelector('#choose-answer .answer[data-old]')) { observer.disconnect(); drawn(); }
  });
  observer.observe(document.querySelector('#choose-answer'), { attributes: true, subtree: true });
  document.querySelector(selector).click();
})"""


def start(page: Page, photograph: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Return the seconds from the start to each moment, and the milliseconds to the first change of each control."""
    begun = time.perf_counter()
    with running(wait=False) as (_, url):
        moments: dict[str, float] = {}
        while True:
            try:
                page.goto(url)
                break
            except Error:  # the app does not listen yet
                time.sleep(0.05)
        moments["an example to look at"] = time.perf_counter() - begun
        page.locator(FIELD).wait_for(state="attached", timeout=120_000)
        moments["a field for a photograph"] = time.perf_counter() - begun
        page.locator(FIELD).set_input_files(photograph)
        page.wait_for_function(FIRST_CARD, timeout=120_000, polling=20)
        moments["the first model on it"] = time.perf_counter() - begun
        page.wait_for_function(WHOLE, timeout=120_000, polling=20)
        moments["the whole answer"] = time.perf_counter() - begun
        changes = {}
        for name, selector in CONTROLS.items():
            changes[name] = page.evaluate(CHANGED, selector)
            page.wait_for_function("document.querySelector('#choose-status .status[data-kind=done]')", timeout=120_000)
        page.goto("about:blank")
    return moments, changes


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5, help="after one that is not counted")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        photograph = Path(folder, "own.jpg")
        with Image.open(examples()["Palace"]) as example:
            example.convert("RGB").resize((1600, 1200), Image.Resampling.BICUBIC).save(photograph, quality=90)
        page = chromium(playwright).new_page(viewport={"width": 1400, "height": 1000})
        starts = [start(page, photograph) for _ in range(options.starts + 1)][1:]
    print(f"## The first answer: {machine()}\n\nTwo actions: the address is opened, a photograph is dropped.\n")
    for head, number in (("moment | seconds after `python app.py`", 0), ("control | milliseconds to a change", 1)):
        print(f"| {head} | of |\n|---|---|---|")
        for name in starts[0][number]:
            values = [each[number][name] for each in starts]
            print(f"| {name} | **{statistics.median(values):.1f}** | {', '.join(f'{each:.1f}' for each in values)} |")
        print()


if __name__ == "__main__":
    main()
