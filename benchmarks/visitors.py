"""Visitors of a shared app: some use it as intended, others attack it.

Each has an IP address of its own, in the header that a proxy on this machine would set. Used by app_hostile.py and by a
test.
"""

import json
import random
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from vqzoo.analysis.examples import examples

API = "/gradio_api"
MODELS = ["cifar10-vq-1024x128", "cifar10-looc-256x4", "cifar10-rvq-8x256", "cifar10-fsq-8-5-5-5"]
GOOD = {
    "models": {"text": "looc"},
    "bits_for_quality": {"dataset": "cifar10", "quality": 25},
    "lookup_costs": {"dataset": "cifar10"},
    "training": {"models": MODELS[:1]},
}


@dataclass
class Visitor:
    """A client with one address; `outcomes` counts the results of its calls."""

    url: str
    number: int
    outcomes: Counter[str]
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.number)
        self.address = f"203.0.113.{self.number + 1}"

    def client(self, timeout: float = 120) -> httpx.Client:
        """Return an HTTP client with the visitor's address."""
        return httpx.Client(
            base_url=self.url + API, headers={"X-Forwarded-For": self.address}, timeout=timeout, trust_env=False
        )

    def upload(self, client: httpx.Client) -> dict[str, Any]:
        """Upload an example, and return it as a value for a call."""
        path = self.chance.choice(list(examples().values()))
        answer = client.post("/upload", files={"files": (path.name, path.read_bytes())})
        answer.raise_for_status()
        return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}

    def comparison(self, client: httpx.Client, models: int, side: int) -> dict[str, Any]:
        """Return the arguments of a comparison of `models` random models."""
        names = self.chance.sample(MODELS, min(models, len(MODELS)))
        return {"photograph": self.upload(client), "models": names, "longest": side, "codecs": False}

    def call(self, client: httpx.Client, name: str, values: Any) -> str:
        """Call a function of the API as `curl` would; return the last event, or raise ValueError for an error."""
        answer = client.post(f"/call/v2/{name}", json=values)
        if answer.status_code != 200:
            raise ValueError(f"{name}: status {answer.status_code}: {answer.text[:200]}")
        number, event = answer.json()["event_id"], ""
        with client.stream("GET", f"/call/{name}/{number}") as stream:
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                elif event == "error":
                    raise ValueError(f"{name}: {line[:200]}")
        if event != "complete":
            raise ValueError(f"{name}: the last event was {event!r}")
        return event


def good(visitor: Visitor) -> None:
    """Use the app as intended; anything but an answer counts as a failure."""
    with visitor.client(timeout=150) as client:
        begun = time.monotonic()
        try:
            if visitor.chance.random() < 0.4:
                name = "compare"
                side = visitor.chance.choice([32, 64])
                visitor.call(client, name, visitor.comparison(client, visitor.chance.randint(1, 2), side))
            else:
                name = visitor.chance.choice(list(GOOD))
                visitor.call(client, name, GOOD[name])
        except Exception as error:
            visitor.outcomes[f"FAILED {type(error).__name__} {error}"] += 1
        else:
            visitor.outcomes[f"answered {name}"] += 1
            visitor.outcomes["seconds"] += time.monotonic() - begun  # type: ignore[assignment]
    time.sleep(visitor.chance.uniform(0, 1))


def never_listening(visitor: Visitor) -> None:
    """Ask for expensive results and read no answer."""
    with visitor.client(10) as client:
        values = visitor.comparison(client, 4, 512)
        for _ in range(6):
            client.post("/call/v2/compare", json=values)


def slow_to_send(visitor: Visitor) -> None:
    """Upload part of a photograph, then a byte at a time or nothing."""
    address = urlsplit(visitor.url)
    with closing(socket.create_connection((address.hostname or "", address.port or 80), timeout=10)) as wire:
        head = (
            f"POST {API}/upload HTTP/1.1\r\nHost: {address.netloc}\r\nX-Forwarded-For: {visitor.address}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5000000\r\n\r\n"
            '--x\r\nContent-Disposition: form-data; name="files"; filename="slow.png"\r\n\r\n'
        )
        wire.sendall(head.encode())
        wire.sendall(bytes(visitor.chance.randrange(2**20)))
        for _ in range(visitor.chance.randrange(40)):
            wire.sendall(b"x")
            time.sleep(0.25)


def slow_to_read(visitor: Visitor) -> None:
    """Open the stream of an answer and leave it unread."""
    with visitor.client(10) as client:
        number = client.post("/call/v2/compare", json=visitor.comparison(client, 4, 256)).json().get("event_id")
        with client.stream("GET", f"/call/compare/{number}") as stream:
            next(stream.iter_raw(16), b"")
            time.sleep(visitor.chance.uniform(1, 12))


WRONG: list[Any] = [None, 5, "x", [], {}, [None], -1, 1e308, "\0", "A" * 10_000, {"path": "/etc/passwd"}, [[[[]]]]]
PATHS = ["queue/join", "call/compare", "call/v2/compare", "call/v2/nothing", "run/compare", "upload", "cancel"]
PATHS += ["component_server", "process_recording", "api/models", "call/models", "reset", "stream/x", "queue/data"]


def wrong(visitor: Visitor) -> None:
    """Send malformed requests to every endpoint, and values of wrong types to every function."""
    pick = visitor.chance.choice
    with visitor.client(10) as client:
        for _ in range(10):
            data = [pick(WRONG) for _ in range(visitor.chance.randrange(8))]
            body = pick([{"data": data, "fn_index": pick([0, 5, 40, 9999, -1]), "session_hash": pick(["a", None, 5])}])
            content = pick([json.dumps(body), json.dumps(pick(WRONG)), "{", "\xff", "[" * 5000])
            client.post(f"/{pick(PATHS)}", content=content.encode("latin-1"), headers={"Content-Type": pick(TYPES)})
            name = pick([*GOOD, "compare", "rate_distortion", "entropy_coding", "studies", "load_model", "codebook"])
            values = {pick(["text", "dataset", "psnr", "models", "longest", "study", "source"]): pick(WRONG)}
            with suppress(ValueError):
                visitor.call(client, name, values)


TYPES = ["application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain", "\xff"]


def cancelling(visitor: Visitor) -> None:
    """Start a call and hang up, or cancel it, again and again."""
    with visitor.client(10) as client:
        values = visitor.comparison(client, 4, 512)
        for _ in range(4):
            number = client.post("/call/v2/compare", json=values).json().get("event_id")
            try:
                with client.stream("GET", f"/call/compare/{number}") as stream:
                    some = stream.iter_raw(16)
                    for _ in range(visitor.chance.randrange(4)):
                        next(some, b"")
            except httpx.HTTPError:
                pass
            client.post("/cancel", json={"session_hash": str(number), "fn_index": 1, "event_id": number})


HOSTILE = [never_listening, slow_to_send, slow_to_read, wrong, cancelling]


def visit(visitor: Visitor, act: Callable[[Visitor], None], until: float) -> None:
    """Repeat an act until `until`; errors that hostile visitors meet are ignored."""
    while time.monotonic() < until:
        if act is good:
            act(visitor)
            continue
        try:
            act(visitor)
        except (httpx.HTTPError, OSError, ValueError):
            time.sleep(0.2)
        visitor.outcomes[f"hostile: {act.__name__}"] += 1
