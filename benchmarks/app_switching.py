"""Measure how long a change of tab or of a toggle takes when nothing has to be computed.

    python benchmarks/app_switching.py

In the browser, from the click to the second frame after it, when the change is on the screen; medians of seven, after
all pages have been shown once.
"""

import statistics

from app_running import chromium, running
from playwright.sync_api import sync_playwright
from side_by_side import machine

CLICK = """async (find) => {
  const target = eval(find), start = performance.now();
  target.click();
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - start;
}"""
TABS = "[...document.querySelectorAll('#pages > .tab-wrapper [role=tab]')]"


def main() -> None:
    """Run the benchmark and print its tables."""
    with running() as (_, url), sync_playwright() as playwright:
        page = chromium(playwright).new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(120_000)
        page.goto(url)
        page.locator("#viewer .vq-viewer[data-ready]").wait_for()
        names = page.evaluate(f"{TABS}.map((tab) => tab.innerText.trim()).filter(Boolean)")
        names = list(dict.fromkeys(names))
        tabs = {name: f"{TABS}.find((tab) => tab.innerText.trim() === '{name}')" for name in names}
        for find in tabs.values():
            page.evaluate(CLICK, find)
            page.wait_for_timeout(8000)
        took: dict[str, list[float]] = {f"to {name}": [] for name in names}
        for _ in range(7):
            for name, find in tabs.items():
                took[f"to {name}"].append(page.evaluate(CLICK, find))
                page.wait_for_timeout(1000)
        page.evaluate(CLICK, tabs[names[0]])
        page.wait_for_timeout(1000)
        toggles = {
            "light and dark": "document.querySelector('#theme-switch')",
            "worst first": "document.querySelector('#worst input')",
            "codecs, ticked": "document.querySelector('#codecs input')",
            "slider": "document.querySelector('#viewer .vq-mode[value=slider]')",
            "side by side": "document.querySelector('#viewer .vq-mode[value=all]')",
        }
        for _ in range(7):
            for name, find in toggles.items():
                took.setdefault(name, []).append(page.evaluate(CLICK, find))
                page.wait_for_timeout(500)
    print(f"## Tabs and toggles: {machine()}\n\n| click | median, ms | longest, ms |\n|---|---|---|")
    for name, each in took.items():
        print(f"| {name} | **{statistics.median(each):.0f}** | {max(each):.0f} |")


if __name__ == "__main__":
    main()
