"""Run `python app.py` as a process of its own, for benchmarks of the app."""

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
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(wait: bool = True, checkout: Path = ROOT) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Context manager that yields the process and URL of the app of `checkout`; with `wait` once it answers calls."""
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
    """Return a headless browser of this machine."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path is not None, "no chromium here (Debian: apt-get install chromium)"
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
