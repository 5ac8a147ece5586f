"""`python app.py` as a process of its own, for benchmarks of the app."""

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
from typing import Any

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    """One that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(wait: bool = True, checkout: Path = ROOT) -> Iterator[tuple[subprocess.Popen, str]]:
    """The process and its address; with `wait` when it answers calls. `checkout`: the one whose app it is."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        environment = os.environ | {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": folder, "HF_HUB_OFFLINE": "1"}
        environment["PYTHONPATH"] = str(checkout)
        command = [sys.executable, "app.py"]
        process = subprocess.Popen(command, cwd=checkout, env=environment, stdout=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}"
        try:
            while wait:
                assert process.poll() is None, "the app stopped"
                try:
                    urllib.request.urlopen(f"{url}/gradio_api/info", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield process, url
        finally:
            process.terminate()
            process.wait(20)


def chromium(playwright: Any) -> Any:
    """The browser of this machine."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path is not None, "no chromium here (Debian: apt-get install chromium)"
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
