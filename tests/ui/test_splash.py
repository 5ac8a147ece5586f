"""Before Gradio has come in: the finished example, at the address that the app will have."""

import os
import re
import subprocess
import sys
import urllib.request
from contextlib import closing
from http.client import HTTPConnection

import pytest
from gradio_client import Client

from vqzoo.files.storage import cards_folder
from vqzoo.ui import splash as module
from vqzoo.ui.components.source import read
from vqzoo.ui.splash import Splash, splash

from .conftest import ROOT, free_port


@pytest.fixture
def port(monkeypatch) -> int:
    port = free_port()
    monkeypatch.setenv("GRADIO_SERVER_PORT", str(port))
    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
    return port


def get(port: int, path: str = "/") -> bytes:
    """As a browser does, which says what it shows."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Accept": "text/html,*/*;q=0.8"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.read()


def test_the_example_is_served_until_the_port_is_needed(port):
    shown = splash(cards_folder())
    assert shown.port == port
    text = get(port, "/?__theme=dark").decode()
    addresses = re.findall(r'<img src="([^"]+)"', text)
    assert len(addresses) == 8
    for address in addresses:
        assert get(port, f"/{address}")[:4] == b"RIFF"
    shown.close()
    with closing(Splash(("127.0.0.1", port), {})):
        pass  # the port is free at once


@pytest.mark.parametrize(
    "path", ["/", "/config", "/gradio_api/info", "/gradio_api/call/x", "/../../pyproject.toml", "/opening.json"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_program_is_told_to_come_again(port, path, method):
    """Any program, whatever it asks for: 503 is what HTTP clients know how to wait for."""
    with closing(splash(cards_folder())):
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request(method, path, body=b"x" * 100_000 if method in ("POST", "PUT", "PATCH") else None)
        answer = connection.getresponse()
        assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0
        assert answer.read() == (b"" if method == "HEAD" else b'{"starting": true}')


def test_gradio_client_says_that_there_is_no_app_yet(port):
    """The library has no retry of its own: its error is one that a program can wait on, not one of a name or a type."""
    with closing(splash(cards_folder())), pytest.raises(ValueError, match=f"Could not fetch config for .*:{port}"):
        Client(f"http://127.0.0.1:{port}", verbose=False)


def test_the_page_waits_for_the_config_of_the_app():
    """Which is answered with 503 until the app is there: only a good answer makes the page load again."""
    text = module.TEMPLATE.read_text(encoding="utf-8")
    assert 'fetch("config", { cache: "no-store" });\n    if (answer.ok) { location.reload(); return; }' in text


def test_a_port_that_is_taken_is_left_to_gradio_to_complain_of(port):
    with closing(Splash(("127.0.0.1", port), {})):
        assert splash(cards_folder()) is None


def test_without_the_models_that_it_is_of_there_is_none(port, tmp_path, monkeypatch):
    assert splash(tmp_path) is None
    monkeypatch.setattr(module, "OPENING", tmp_path)
    assert splash(cards_folder()) is None


def test_it_needs_nothing_that_takes_long_to_import():
    code = "import sys, vqzoo.ui.start; print({'gradio', 'numpy', 'torch', 'PIL'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"


def test_a_space_has_none(monkeypatch):
    """Its own page says that it is starting."""
    code = (
        "import sys, types, vqzoo.ui.start as start\n"
        "start.splash = lambda cards: sys.exit('a splash')\n"
        "app = types.ModuleType('vqzoo.ui.app'); app.launch = lambda *given: print(given)\n"
        "sys.modules['vqzoo.ui.app'] = app\n"
        "start.start()"
    )
    message = {}
    for variables in ({"SPACE_ID": "owner/vqzoo"}, {}):
        environment = {key: value for key, value in os.environ.items() if key != "SPACE_ID"} | variables
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT)
        message[len(variables)] = done.stdout + done.stderr
    assert message == {1: "(None, False)\n", 0: "a splash\n"}


def test_the_page_has_the_answer_of_the_app(port):
    with closing(splash(cards_folder())):
        text = get(port).decode()
    assert read("answer", "css") in text
    assert '<p class="headline">For 0.6 bits a pixel, take ' in text
    assert "$" not in text.replace("${", ""), "a place that nothing was put in"
