"""Measure the start of the app, from `python app.py` to a finished example in the browser.

    python benchmarks/app_startup.py [CHECKOUT ...]

Two moments, in seconds from the start of the process, with packages in the disk cache: "example": the finished answer
is drawn, served by the standard library while Gradio is imported. "live": the same in the app itself, which takes
clicks. `app_first_answer.py` goes on to the first answer for a photograph of one's own.

Reported are medians of five starts after one that is not counted: wall-clock time, and CPU time of the app, which other
work on the machine hardly changes. Each CHECKOUT, such as that of an earlier commit, is measured in turn with this one.
"""

import statistics
import sys
import time
from pathlib import Path

import psutil
from app_running import ROOT, chromium, running
from playwright.sync_api import Error, Page, sync_playwright
from side_by_side import machine

DRAWN = "document.querySelectorAll('{} .answer img').length >= 5"
MOMENTS = {"example": DRAWN.format("#example"), "live": "window.gradio_config && " + DRAWN.format("#choose-answer")}


def start(page: Page, checkout: Path) -> dict[str, tuple[float, float]]:
    """Return the wall-clock and CPU seconds to each moment of one start."""
    begun = time.perf_counter()
    with running(wait=False, checkout=checkout) as (process, url):
        app = psutil.Process(process.pid)
        while True:
            try:
                page.goto(url)
                break
            except Error:  # the app does not listen yet
                time.sleep(0.1)
        moments = {}
        for name, condition in MOMENTS.items():
            page.wait_for_function(condition, timeout=120_000, polling=20)
            used = app.cpu_times()
            moments[name] = time.perf_counter() - begun, used.user + used.system
        page.goto("about:blank")
    return moments


def main() -> None:
    """Run the benchmark and print its tables."""
    checkouts = [*(Path(name).resolve() for name in sys.argv[1:]), ROOT]
    with sync_playwright() as playwright:
        page = chromium(playwright).new_page(viewport={"width": 1400, "height": 1000})
        rounds = [[start(page, checkout) for checkout in checkouts] for _ in range(6)][1:]
    print(f"## Start of the app: {machine()}\n")
    print("| moment | checkout | clock, s | of | processor, s |\n|---|---|---|---|---|")
    for name in MOMENTS:
        for number, checkout in enumerate(checkouts):
            clock, processor = zip(*(each[number][name] for each in rounds), strict=True)
            starts = ", ".join(f"{seconds:.1f}" for seconds in clock)
            medians = statistics.median(clock), statistics.median(processor)
            print(f"| {name} | {checkout.name} | **{medians[0]:.1f}** | {starts} | {medians[1]:.1f} |")


if __name__ == "__main__":
    main()
