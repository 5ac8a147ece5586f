"""The app as a person meets it: its own process, a real browser."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from .steps import ready

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(folder: Path, log: Path, **variables: str) -> Iterator[str]:
    """`python app.py` in a folder, on a port of its own, until the block ends: its address, once it answers.

    What it says goes into the file `log`, beside which it keeps its temporary files; `variables` are its alone.
    """
    port = free_port()
    environment = os.environ | {
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(log.parent / "gradio"),
        "NO_PROXY": "127.0.0.1,localhost",
        **variables,
    }
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "app.py"], cwd=folder, env=environment, stdout=out, stderr=out)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            assert process.poll() is None, f"the app stopped:\n{log.read_text()}"
            try:
                urllib.request.urlopen(f"{url}/gradio_api/info", timeout=5).close()  # not the example it starts with
                break
            except OSError:
                time.sleep(0.2)
        else:
            pytest.fail(f"the app did not answer:\n{log.read_text()}")
        yield url
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def app_url(tmp_path_factory) -> Iterator[str]:
    """`python app.py`, as the README says."""
    log = tmp_path_factory.mktemp("app") / "log.txt"
    with serving(ROOT, log) as url:
        yield url
        assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[Page]:
    """Open the app; an error on the page, or a request to any other machine, fails the test.

    An opening takes seconds of a core, so the tests of a file share one if each chooses what it looks at.
    """
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"error on the page: {error}"))
    page.on(
        "request",
        lambda request: (
            None
            if re.match(r"(http://127\.0\.0\.1|data:|blob:)", request.url)
            else faults.append(f"a request to another machine: {request.url[:200]}")
        ),
    )
    page.set_default_timeout(60_000)
    page.goto(url)
    ready(page)
    yield page
    page.close()
    assert not faults, faults


@pytest.fixture(scope="module")
def page(browser, app_url) -> Iterator[Page]:
    """The page that the tests of a file share."""
    with opened(browser, app_url) as page:
        yield page


@pytest.fixture
def new_page(browser, app_url) -> Iterator[Page]:
    """A page as it opens, for a test alone."""
    with opened(browser, app_url) as page:
        yield page
