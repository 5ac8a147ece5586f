"""Record the app for README.md: `python docs/recording.py` writes docs/screens/recording.webp, 20 seconds.

Needs the test extra and a Chromium. A visitor's steps: the answer for an example, another wish, Compare, a zoom, the
tokens of a photograph, and rates. Pictures of single pages come from the tests' own run, see docs/app.md.
"""

import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
TARGET = Path(__file__).parent / "screens" / "recording.webp"
SIZE = (1200, 760)
_SHOWN = (960, 608)
_QUALITY = 35
_EVERY = 0.25  # seconds between frames
_LENGTH = 20.0  # seconds


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


@dataclass
class Camera:
    """Frames of a page; what does not move is one long frame."""

    page: Page
    frames: list[Image.Image] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def film(self, seconds: float) -> None:
        """Take pictures for some seconds of the recording."""
        for _ in range(round(seconds / _EVERY)):
            self.page.wait_for_timeout(1000 * _EVERY)
            frame = (
                Image.open(io.BytesIO(self.page.screenshot())).convert("RGB").resize(_SHOWN, Image.Resampling.LANCZOS)
            )
            if self.frames and frame.tobytes() == self.frames[-1].tobytes():
                self.seconds[-1] += _EVERY
            else:
                self.frames.append(frame)
                self.seconds.append(_EVERY)

    def save(self, path: Path) -> None:
        """Write an animated WebP of `_LENGTH` seconds."""
        factor = 1000 * _LENGTH / sum(self.seconds)
        durations = [round(factor * each) for each in self.seconds]
        first, *rest = self.frames
        first.save(
            path,
            save_all=True,
            append_images=rest,
            duration=durations,
            loop=0,
            quality=_QUALITY,
            method=6,
            minimize_size=True,
        )


def play(page: Page, camera: Camera) -> None:
    """Do what a visitor does, and film it."""
    steps: list[tuple[Callable[[], object], float]] = [
        (lambda: None, 2.5),
        (lambda: page.get_by_role("radio", name="PSNR in dB, at least").click(), 3.5),
        (lambda: page.get_by_role("button", name="Compare these").click(), 4.0),
        (lambda: tab(page, "Codebook"), 3.0),
        (lambda: page.mouse.move(700, 400), 1.5),
        (lambda: tab(page, "Rate"), 3.0),
        (lambda: tab(page, "Studies"), 2.5),
    ]
    for step, seconds in steps:
        step()
        camera.film(seconds)


def tab(page: Page, name: str) -> None:
    """Open a page."""
    page.locator("#pages").get_by_role("tab", name=name, exact=True).first.click()


def main() -> None:
    """Record once on a page that is warm, so that the length is that of reading and not of a first start."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with app() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for filming in (False, True):
            page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, color_scheme="light")
            page.goto(f"{url}/?__theme=light")
            page.locator("#choose-answer img").last.wait_for(timeout=120_000)
            camera = Camera(page)
            play(page, camera)
            if filming:
                camera.save(TARGET)
            page.close()
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes, {len(camera.frames)} frames")


if __name__ == "__main__":
    main()
