"""The start-up page: a finished answer, served by the standard library while the app starts."""

import hashlib
import json
import os
import socket
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from threading import Thread

_HERE = Path(__file__).parent
OPENING = _HERE.parent / "views" / "opening"
"""Values of the page, opening.json and pictures: `python docs/make_opening.py` makes them."""
TEMPLATE = _HERE / "splash.html"
_READ = 2**20


class Splash(ThreadingHTTPServer):
    """A server on the port that the app will have, of files by their paths; `close` frees the port."""

    def __init__(self, address: tuple[str, int], files: dict[str, bytes]):
        super().__init__(address, _Handler)
        (self.host, self.port), self.files = address, files
        Thread(target=self.serve_forever, args=(0.05,), name="vqzoo-splash", daemon=True).start()

    def close(self) -> None:
        """No longer answer; the page asks again until the app does."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers browsers with the page and its pictures, and all else with 503: programs have to come again."""

    server: Splash

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        browses = path != "/" or "text/html" in self.headers.get("Accept", "")
        self._answer(self.server.files.get(path) if browses else None, "text/html" if path == "/" else "image/webp")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        # A client that is still sending when its connection is closed would not see the answer.
        self.rfile.read(min(int(self.headers.get("Content-Length", 0)), _READ))
        self._answer(None, "")

    do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST

    def _answer(self, file: bytes | None, kind: str) -> None:
        body = b'{"starting": true}' if file is None else file
        self.send_response(503 if file is None else 200)
        if file is None:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Type", "application/json" if file is None else kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            with suppress(ConnectionError):
                self.wfile.write(body)

    def log_message(self, format: str, *values: object) -> None:
        pass


def splash(cards: Path) -> Splash | None:
    """Serve the shipped answer while the app starts; None if `cards` holds other models or no port is free.

    The port is $GRADIO_SERVER_PORT, or the first free one from 7860 on, as Gradio chooses.
    """
    files = _files(cards)
    if files is None:
        return None
    host = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
    asked = os.environ.get("GRADIO_SERVER_PORT")
    for port in [int(asked)] if asked else range(7860, 7960):
        with suppress(OSError):
            with socket.create_connection(("127.0.0.1" if host == "0.0.0.0" else host, port), 0.2):
                continue  # somebody answers there, whom a socket for reuse would not notice
        with suppress(OSError):
            return Splash((host, port), files)
    return None


def _files(cards: Path) -> dict[str, bytes] | None:
    """Path -> file, if photograph and weights are those that the pictures were made of."""
    try:
        record = json.loads((OPENING / "opening.json").read_text(encoding="utf-8"))
        photograph = (_HERE.parent / "analysis" / "example_images" / record["photograph"]).read_bytes()
        weights = {
            name: (cards / name / "model.safetensors").read_bytes() for name in record["key"] if name != "photograph"
        }
        made_of = {"photograph": photograph, **weights}
        if record["key"] != {name: hashlib.sha256(content).hexdigest() for name, content in made_of.items()}:
            return None
        pictures = {f"/{path.name}": path.read_bytes() for path in OPENING.glob("*.webp")}
        return {"/": _page(), "/photograph.webp": photograph, **pictures}
    except OSError:
        return None


def _page() -> bytes:
    """Return the page: the answer as the app shows it."""
    values = json.loads((OPENING / "page.json").read_text(encoding="utf-8"))
    values["css"] = (_HERE / "components" / "answer.css").read_text(encoding="utf-8")
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(values).encode()
