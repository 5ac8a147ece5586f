"""A shared app is fair to all visitors, whatever some do: waiting, time, those who have gone, uploads, the log."""

import asyncio
import logging
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
import httpx
import psutil
import pytest
from starlette.middleware import Middleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from vqzoo.ui import queue, uploads
from vqzoo.ui.blocks import Blocks
from vqzoo.ui.limits import SPACE, Limits, trust_proxies
from vqzoo.ui.log import BYTES, FILES, Lines, open_log
from vqzoo.ui.queue import Mailbox, Spent
from vqzoo.ui.uploads import Uploads

from ..ui.conftest import ROOT, serving

KIB = 2**10
SECONDS = 5
GONE, DISK, STALL = queue.GONE, uploads.DISK, uploads.STALL
"""Limits of the app itself, before these tests set smaller ones."""


@dataclass
class Small:
    """A small app, all of whose limits are small: what runs in it does as it is told here."""

    url: str = ""
    app: Any = None
    log: Path = Path()
    go_on: threading.Event = field(default_factory=threading.Event)
    ran: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def client(self, address: str = "203.0.113.1") -> httpx.Client:
        headers = {"X-Forwarded-For": address}
        return httpx.Client(base_url=self.url + "/gradio_api", headers=headers, timeout=30, trust_env=False)

    def ask(self, name: str, *values: Any, address: str = "203.0.113.1") -> httpx.Response:
        with self.client(address) as client:
            return client.post(f"/call/{name}", json={"data": values})

    def hear(self, name: str, asked: httpx.Response) -> str:
        """Return all messages about a job until it ends."""
        with self.client() as client:
            return client.get(f"/call/{name}/{asked.json()['event_id']}").text


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Small]:
    small, folder = Small(), tmp_path_factory.mktemp("small")
    small.log = folder / "app.log"
    remaining = logging.root.handlers[:], logging.root.level

    def wait(name: str) -> str:
        small.ran.append(name)
        small.go_on.wait(20)
        return name

    def for_ever(name: str) -> Iterator[str]:
        small.ran.append(name)
        try:
            while True:
                time.sleep(0.05)
                yield "x" * 1000
        finally:
            small.ended.append(name)

    def fault(number: int) -> float:
        return 1 / number

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "uploads"))
        patch.setenv("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000000")
        patch.setattr(queue, "GONE", 2.0)
        patch.setattr(queue, "_LOOK_EVERY", 0.1)
        patch.setattr(queue, "_PATIENCE", 0.2)
        patch.setattr(uploads, "PROGRESS", 4 * KIB)
        with Blocks() as app:
            text = gr.Textbox(visible=False)
            text.input(wait, text, text, api_name="wait")
            text.input(for_ever, text, text, api_name="for_ever")
            gr.api(fault, api_name="fault")
        app.name_tools()
        app.queue(api_open=False, default_concurrency_limit=1)
        app.limit(Limits(models=1, side=1, seconds=SECONDS))
        middleware = [
            Middleware(Lines),
            Middleware(Uploads, blocks=app, most=64 * KIB, disk=256 * KIB, stall=1),
        ]
        _, small.url, _ = app.launch(
            app_kwargs={"middleware": middleware}, prevent_thread_lock=True, quiet=True, max_file_size=64 * KIB
        )
        small.url, small.app = small.url.rstrip("/"), app
        open_log(small.log)
        yield small
        app.close()
    logging.root.handlers[:], logging.root.level = remaining


@pytest.fixture
def small(served) -> Iterator[Small]:
    served.go_on.clear()
    served.ran.clear()
    served.ended.clear()
    yield served
    served.go_on.set()
    until(lambda: not served.app._queue.event_ids_to_events)


def test_an_address_has_three_jobs_waiting_and_whoever_had_least_is_next(small):
    with ThreadPoolExecutor(5) as pool:
        heard = [pool.submit(small.hear, "wait", small.ask("wait", "first"))]
        until(lambda: small.ran == ["first"])
        heard += [pool.submit(small.hear, "wait", small.ask("wait", f"more {number}")) for number in range(3)]
        refused = small.ask("wait", "too many")
        assert refused.status_code == 429 and "3 jobs from your address are waiting" in refused.json()["detail"]
        other = small.ask("wait", "another visitor", address="203.0.113.2")
        heard.append(pool.submit(small.hear, "wait", other))
        small.go_on.set()
    assert all("event: complete" in each.result() for each in heard)
    assert small.ran == ["first", "another visitor", "more 0", "more 1", "more 2"]


def test_half_of_what_was_had_is_forgotten_in_a_minute():
    now = [0.0]
    spent = Spent(lambda: now[0])
    with spent.by("one"):
        now[0] = 8
        assert spent["one"] == 8 and spent["other"] == 0
    now[0] += 60
    assert spent["one"] == pytest.approx(4)
    with spent.by("one"):
        now[0] += 60
        assert spent["one"] == pytest.approx(2 + 60)
    for number in range(2000):
        with spent.by(str(number)):
            now[0] += 1
    assert len(spent._past) <= 1025


def test_a_job_ends_when_its_time_is_up_and_says_so(small):
    message = small.hear("for_ever", small.ask("for_ever", "long"))
    assert "event: generating" in message and "event: error" in message
    assert f"Ended after {SECONDS} s, which is what a job may take here" in message and small.ended == ["long"]


def test_a_job_ends_when_nobody_listens(small):
    begun = time.monotonic()
    asked = small.ask("for_ever", "unheard")
    until(lambda: small.ended == ["unheard"])
    assert time.monotonic() - begun < SECONDS, "before its time is up"
    until(lambda: not any(isinstance(box, Mailbox) for box in small.app._queue.pending_messages_per_session.values()))
    assert not small.app._queue.pending_event_ids_session and not small.app.state_holder.session_data
    assert "404: Not Found" in small.hear("for_ever", asked), "what came meanwhile is nowhere"


def test_a_job_ends_when_its_visitor_hangs_up(small):
    asked = small.ask("for_ever", "cut off")
    with small.client() as client, client.stream("GET", f"/call/for_ever/{asked.json()['event_id']}") as stream:
        next(stream.iter_lines())
    begun = time.monotonic()
    until(lambda: small.ended == ["cut off"])
    assert time.monotonic() - begun < SECONDS, "before its time is up"


def stored(small: Small) -> list[Path]:
    return [path for path in Path(os.environ["GRADIO_TEMP_DIR"]).rglob("*") if path.is_file()]


def send(small: Small, size: int, name: str = "a.png") -> httpx.Response:
    with small.client() as client:
        return client.post("/upload", files={"files": (name, os.urandom(size))})


HEAD = (
    "POST /gradio_api/upload HTTP/1.1\r\nHost: {place}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    'Content-Length: 60000\r\n\r\n--x\r\nContent-Disposition: form-data; name="files"; filename="slow.png"\r\n\r\n'
)


@pytest.fixture
def wire(small) -> Iterator[socket.socket]:
    """A connection on which an upload has begun, of which there is a file already."""
    place = urlsplit(small.url)
    before = len(stored(small))
    with closing(socket.create_connection((place.hostname, place.port), timeout=20)) as wire:
        wire.sendall(HEAD.format(place=place.netloc).encode() + bytes(100))
        until(lambda: len(stored(small)) == before + 1)
        yield wire
    until(lambda: len(stored(small)) <= before)


def test_an_upload_without_progress_ends(wire):
    begun = time.monotonic()
    answer = wire.makefile("rb").read()
    assert b" 400 " in answer and b"no progress in 1 s" in answer
    assert 0.9 < time.monotonic() - begun < 5


def test_a_byte_now_and_then_is_no_progress(wire):
    with pytest.raises(OSError):  # the other end is closed
        for _ in range(100):
            wire.sendall(b"x")
            time.sleep(0.1)


def test_an_upload_that_hangs_up_leaves_nothing(wire):
    pass


def test_uploads_have_a_size_and_all_together_too_and_the_oldest_go_first(small):
    assert send(small, 130 * KIB).status_code == 413
    assert send(small, 64 * KIB + 100).status_code == 413
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    with small.client() as client:  # without a length
        sent = client.post("/upload", content=iter([b"--x\r\n", *[bytes(KIB)] * 200]), headers=kind)
    assert sent.status_code in (400, 413)
    with small.client() as client:
        values = {"Content-Type": "application/json"}
        assert client.post("/call/wait", content=b" " * (5 * 2**20), headers=values).status_code == 413
    paths = []
    for number in range(9):
        answer = send(small, 60 * KIB, f"{number}.png")
        assert answer.status_code == 200
        paths.append(Path(answer.json()[0]))
        until(paths[-1].is_file)
        assert sum(path.stat().st_size for path in stored(small)) <= 256 * KIB
        time.sleep(0.02)
    assert [path.is_file() for path in paths] == [False] * 5 + [True] * 4


WRONG = [
    ("call/nothing", b"{}"),
    ("call/v2/fault", b'{"nothing": 5}'),
    ("call/wait", b'{"data": 5}'),
    ("queue/join", b"\xff\xfe"),
    ("queue/join", b'{"data": [], "fn_index": 999, "session_hash": "x"}'),
    ("upload", b"no form"),
    ("component_server", b"[]"),
]


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_a_wrong_request_is_a_line_in_the_log(small, capfd, case):
    path, body = WRONG[case]
    before = small.log.stat().st_size
    kind = "multipart/form-data; boundary=x" if path == "upload" else "application/json"
    with small.client() as client:
        answer = client.post(f"/{path}", content=body, headers={"Content-Type": kind})
    assert 400 <= answer.status_code < 500, answer.text
    message = small.log.read_text()[before:]
    assert "Traceback" not in message and len(message.splitlines()) <= 2
    assert "Traceback" not in "".join(capfd.readouterr())


def test_wrong_values_are_a_sentence_and_a_fault_of_ours_has_its_place_in_the_log(small, capfd):
    before = small.log.stat().st_size
    assert "number: Input should be a valid integer" in small.hear("fault", small.ask("fault", "x"))
    assert "Traceback" not in small.log.read_text()[before:] and not capfd.readouterr().err
    message = small.hear("fault", small.ask("fault", 0))
    assert "the app's log tells its owner what" in message and "Zero" not in message
    log = small.log.read_text()[before:]
    assert "a fault in fault" in log and "ZeroDivisionError" in log


def test_visitors_of_a_space_are_told_apart_by_what_its_own_proxies_say(monkeypatch):
    for name, value in {"SYSTEM": "spaces", "SPACE_ID": "owner/zoo"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    trust_proxies()
    seen = []

    async def app(scope, receive, send) -> None:
        seen.append(scope["client"][0])

    told = [(b"x-forwarded-for", b"198.51.100.1, 203.0.113.9, 10.16.3.2")]  # the first is what a visitor made up
    for peer in ("10.16.3.80", "203.0.113.7"):
        scope = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": told}
        asyncio.run(ProxyHeadersMiddleware(app, os.environ["FORWARDED_ALLOW_IPS"])(scope, None, None))
    assert seen == ["203.0.113.9", "203.0.113.7"]


def test_the_log_rotates(tmp_path):
    remaining = logging.root.handlers[:], logging.root.level
    try:
        open_log(tmp_path / "new" / "app.log")
        for _ in range(FILES * BYTES // 1000 + 1500):
            logging.getLogger("vqzoo.app").info("x" * 1000)
        files = list((tmp_path / "new").iterdir())
        assert len(files) == FILES and all(path.stat().st_size <= BYTES for path in files)
        open_log(Path("/proc/nowhere/app.log"))
        logging.getLogger("vqzoo.app").info("nowhere to go, and nothing happens")
    finally:
        logging.root.handlers[:], logging.root.level = remaining


def test_four_visitors_among_twenty_hostile_ones(tmp_path, monkeypatch):
    """A few seconds of what benchmarks/app_hostile.py does for minutes; memory is measured there."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from visitors import HOSTILE, Visitor, good, visit

    with serving(ROOT, tmp_path / "log.txt", GRADIO_SERVER_NAME="0.0.0.0", HF_HOME=str(tmp_path)) as url:
        (app,) = (each for each in psutil.Process().children() if "app.py" in each.cmdline())
        message, handles = Counter[str](), app.num_fds()
        good(Visitor(url, 99, message))  # torch is there now
        end = time.monotonic() + 6
        acts = [good] * 4 + HOSTILE * 4
        with ThreadPoolExecutor(len(acts)) as pool:
            for number, act in enumerate(acts):
                pool.submit(visit, Visitor(url, number, message), act, end)
        until(lambda: app.num_fds() <= handles + 4, 60)
    assert not [what for what in message if what.startswith("FAILED")], message
    assert message.total() > 30 and all(f"hostile: {act.__name__}" in message for act in HOSTILE), message
    for log in (tmp_path / "log.txt", tmp_path / "vqzoo" / "app.log"):
        assert "Traceback" not in log.read_text()


def test_the_page_on_security_tells_what_is_fair():
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    assert f"{SPACE.waiting} jobs waiting an address, {SPACE.seconds:.0f} s a job" in page
    assert f"nobody has read for {GONE:.0f} s" in page and (DISK, STALL) == (2**30, 30)
    assert "30 s without progress (32 KiB)" in page and f"any other request {uploads.VALUES // 2**20} MiB" in page
    assert "1 GiB on the disk together" in page
    assert (BYTES, FILES) == (2**20, 3) and "three files of 1 MiB" in page
