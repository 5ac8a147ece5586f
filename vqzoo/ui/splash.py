"""What is shown while the app starts: the finished example, served with the standard library alone."""

import hashlib
import json
import os
import socket
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

_PACKAGE = Path(__file__).parents[1]
OPENING = _PACKAGE / "views" / "opening"
"""page.html, opening.json and pictures: `python docs/make_opening.py` makes them."""
_READ = 2**20
_TYPES = {".html": "text/html; charset=utf-8", ".webp": "image/webp"}


class Splash:
    """A server on the port that the app will have; `close` frees it."""

    def __init__(self, address: tuple[str, int], files: dict[str, Path]):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(files.get(self.path.partition("?")[0]))

            do_HEAD = do_GET

            def do_POST(self) -> None:
                # A client that is still sending when its connection is closed would not see the answer.
                self.rfile.read(min(int(self.headers.get("Content-Length", 0)), _READ))
                self._answer(None)

            do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST

            def _answer(self, file: Path | None) -> None:
                """The page and its pictures; whoever asks for the app, a program for one, has to come again."""
                body = file.read_bytes() if file else b'{"starting": true}'
                self.send_response(200 if file else 503)
                if file is None:
                    self.send_header("Retry-After", "1")
                self.send_header("Content-Type", _TYPES[file.suffix] if file else "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                if self.command != "HEAD":
                    with suppress(ConnectionError):
                        self.wfile.write(body)

            def log_message(self, format: str, *values: object) -> None:
                pass

        self._server = ThreadingHTTPServer(address, Handler)
        self.host, self.port = address
        Thread(target=self._server.serve_forever, args=(0.05,), name="vqzoo-splash", daemon=True).start()

    def close(self) -> None:
        """No longer answer; whoever looks at the page asks again until the app does."""
        self._server.shutdown()
        self._server.server_close()


def splash(cards: Path) -> Splash | None:
    """Show the example while the app starts; None where the shipped one is not of the models in `cards`, or no port is
    free. The port is $GRADIO_SERVER_PORT, or the first free one from 7860 on, as Gradio chooses."""
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


def _files(cards: Path) -> dict[str, Path] | None:
    """Path -> file, if photograph and weights are those that the pictures were made of."""
    try:
        record = json.loads((OPENING / "opening.json").read_text(encoding="utf-8"))
        photograph = _PACKAGE / "analysis" / "example_images" / record["photograph"]
        made_of = {"photograph": photograph, **{name: cards / name / "model.safetensors" for name in record["results"]}}
        if record["key"] != {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in made_of.items()}:
            return None
    except OSError:
        return None
    pictures = {f"/{name}.webp": OPENING / f"{name}.webp" for name in record["results"]}
    return {"/": OPENING / "page.html", "/photograph.webp": photograph, **pictures}
