"""A window of the app's own: it shows the app's address, and closing it ends the server."""

import os
import re
import subprocess
import sys

import pytest

from vqzoo.ui import desktop

from .conftest import ROOT, free_port

_FAKE = """
import urllib.request
class WebViewException(Exception): pass
def create_window(title, url, **how): global at; at = url; print("window", title, how["min_size"], flush=True)
def start(**how): print("answer", urllib.request.urlopen(at).status, flush=True)
"""


def test_without_pywebview_it_says_what_to_do(monkeypatch):
    monkeypatch.setattr(desktop.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"pip install 'vqzoo\[desktop\]'"):
        desktop.check()


def test_without_a_display_it_says_what_to_do(tmp_path, monkeypatch, capfd):
    (tmp_path / "webview.py").write_text(_FAKE + "def start(**how): raise WebViewException('no display')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(SystemExit, match="1"):
        desktop.show("http://x")
    assert re.search(r"no display.*use a browser: http://x", capfd.readouterr().err)


def test_the_window_and_torch_are_not_one_process(tmp_path, monkeypatch, capfd):
    (tmp_path / "webview.py").write_text(_FAKE + "def start(**how): print('torch' in __import__('sys').modules)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    desktop.show("http://x")
    assert capfd.readouterr().out.splitlines()[-1] == "False"


def test_closing_the_window_ends_the_app(tmp_path):
    (tmp_path / "webview.py").write_text(_FAKE)
    environment = os.environ | {
        "PYTHONPATH": str(tmp_path),
        "GRADIO_SERVER_PORT": str(free_port()),
        "GRADIO_TEMP_DIR": str(tmp_path / "gradio"),
        "NO_PROXY": "127.0.0.1,localhost",
    }
    done = subprocess.run(
        [sys.executable, "app.py", "--desktop"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "window vqzoo (360, 480)" in lines and "answer 200" in lines
    assert "Traceback" not in done.stderr
