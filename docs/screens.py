"""Take pictures of the app: `python docs/screens.py [--only Choose] [--widths 360 1400 3840]`.

Needs the test extra and a Chromium. The pictures in docs/screens/ are what README.md shows, and what a change of looks
is reviewed by; those of a wall screen are taken on request only, and not kept under version control.
"""

import argparse
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
SCREENS = Path(__file__).parent / "screens"
PAGES = ("Choose", "Compare", "Codebook", "Rate", "Position", "Training", "Studies", "Zoo")
SIZES = {360: 780, 1400: 1000, 3840: 2160}
"""Height by width, in CSS pixels."""
_TRACKED = (360, 1400)
THEMES = ("light", "dark")
_KEPT = 1440
"""Pixels of width at most that a picture is kept with."""
_QUALITY = 30
_STILL = 1.5  # seconds without a request after which a page counts as finished


@contextmanager
def app() -> Iterator[str]:
    """Start an app on a free port and yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": cache}
        process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment)
        try:
            yield _answering(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()
            process.wait(20)


def _answering(url: str, process: subprocess.Popen) -> str:
    for _ in range(600):
        assert process.poll() is None, "the app stopped"
        try:
            urllib.request.urlopen(f"{url}/config", timeout=5).close()
            return url
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the app did not answer")


def photograph(browser: Browser, url: str, width: int, theme: str, names: list[str]) -> None:
    """Each page once, in one visit."""
    page = browser.new_page(viewport={"width": width, "height": SIZES[width]}, color_scheme=theme)  # type: ignore[arg-type]
    page.goto(f"{url}/?__theme={theme}")
    page.locator("#choose-answer img").last.wait_for(timeout=120_000)
    for name in names:
        show(page, name)
        _wait_until_still(page)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        picture.thumbnail((_KEPT, _KEPT))
        picture.save(SCREENS / f"{name.lower()}-{width}-{theme}.webp", quality=_QUALITY, method=6)
    page.close()


def show(page: Page, name: str) -> None:
    """Open a page's tab, wherever a narrow screen has put it."""
    tab = page.locator("#pages").get_by_role("tab", name=name, exact=True)
    if not tab.first.is_visible():
        page.locator("#pages .overflow-menu > button").first.click()
        tab = page.locator("#pages .overflow-dropdown").get_by_text(name, exact=True)
    tab.first.click()


def _wait_until_still(page: Page) -> None:
    page.wait_for_timeout(_STILL * 1000)
    page.wait_for_function(
        "() => ![...document.querySelectorAll('.progress-text, .eta-bar, .generating')].some(e => e.offsetParent)",
        timeout=120_000,
    )
    page.wait_for_timeout(_STILL * 1000)


def main() -> None:
    """All of them, or what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=list(PAGES), choices=PAGES, help="pages")
    parser.add_argument("--widths", nargs="*", type=int, default=list(_TRACKED), choices=list(SIZES))
    arguments = parser.parse_args()
    SCREENS.mkdir(exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with app() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width in arguments.widths:
            for theme in THEMES:
                photograph(browser, url, width, theme, arguments.only)


if __name__ == "__main__":
    main()
