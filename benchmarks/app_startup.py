"""From `python app.py` to a finished example in the browser: python benchmarks/app_startup.py

Three moments, in seconds from the start of the process, packages cached: "example" is the finished comparison drawn,
served by the standard library while Gradio is imported; "live" is the same in the app itself, which takes clicks;
"warm" is the device named: torch has come in, and a comparison need not wait for it. Medians of five starts after
one that is not counted.
"""

import statistics
import time

from app_running import chromium, running
from playwright.sync_api import Error, Page, sync_playwright
from side_by_side import machine

DRAWN = "document.querySelectorAll('{} .vq-card canvas').length >= 5"
MOMENTS = {
    "example": DRAWN.format(".vq-viewer"),
    "live": "window.gradio_config && " + DRAWN.format("#viewer"),
    "warm": "window.gradio_config && !document.querySelector('#device')?.innerText.includes('Starting')",
}


def start(page: Page) -> dict[str, float]:
    """Seconds to each moment of one start."""
    begun = time.perf_counter()
    with running(wait=False) as (_, url):
        while True:
            try:
                page.goto(url)
                break
            except Error:  # nobody answers yet
                time.sleep(0.02)
        moments = {}
        for name, condition in MOMENTS.items():
            page.wait_for_function(condition, timeout=120_000, polling=20)
            moments[name] = time.perf_counter() - begun
        page.goto("about:blank")
    return moments


def main() -> None:
    with sync_playwright() as playwright:
        page = chromium(playwright).new_page(viewport={"width": 1400, "height": 1000})
        starts = [start(page) for _ in range(6)][1:]
    print(f"## Start of the app: {machine()}\n\n| moment | median, s | of |\n|---|---|---|")
    for name in MOMENTS:
        seconds = [each[name] for each in starts]
        print(f"| {name} | **{statistics.median(seconds):.1f}** | {', '.join(f'{s:.1f}' for s in seconds)} |")


if __name__ == "__main__":
    main()
