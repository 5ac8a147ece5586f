"""The app on one's own machine belongs to its owner: other web pages cannot call it, upload to it or frame it."""

import asyncio
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from gradio_client import Client
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from vqzoo.files.header import HEADER_LIMIT, MAX_TENSORS
from vqzoo.files.storage import JSON_LIMIT, WEIGHTS_LIMIT
from vqzoo.hub.live import MAX_MODELS
from vqzoo.hub.usage_file import MOST
from vqzoo.ops.budget import MAX_PARAMETERS
from vqzoo.ui.guard import Guard, refusal
from vqzoo.ui.limits import HOSTS_VARIABLE, HUB_VARIABLE, SPACE, TRUST_VARIABLE, Reach, hub_allowed, limits_here, reach

from ..ui.conftest import ROOT, serving

OWN = Reach()
LAN = Reach(beyond=True, names=frozenset({"box", "box.local"}))
TOLD = Reach(names=frozenset({"zoo.example.org"}), allowed=frozenset({"zoo.example.org"}))
LINK = Reach(link=True)

# Host, Origin, Sec-Fetch-Site, Sec-Fetch-Mode; empty for none.
SERVED = {
    "a program": (OWN, "POST", "127.0.0.1:7860", "", "", ""),
    "the page itself": (OWN, "POST", "127.0.0.1:7860", "http://127.0.0.1:7860", "same-origin", "cors"),
    "the page by its name": (OWN, "POST", "localhost:7860", "http://localhost:7860", "same-origin", "cors"),
    "the page in IPv6": (OWN, "POST", "[::1]:7860", "http://[::1]:7860", "same-origin", "cors"),
    "an address that is typed": (OWN, "GET", "localhost:7860", "", "none", "navigate"),
    "a link on another page": (OWN, "GET", "localhost:7860", "", "cross-site", "navigate"),
    "an address on the network": (LAN, "POST", "192.168.0.7:7860", "http://192.168.0.7:7860", "same-origin", "cors"),
    "a name on the network": (LAN, "POST", "Box.local:7860", "http://box.local:7860", "same-origin", "cors"),
    "a name that was told": (TOLD, "POST", "zoo.example.org", "https://zoo.example.org", "same-origin", "cors"),
    "a proxy that keeps its name": (TOLD, "POST", "localhost:7860", "https://zoo.example.org", "same-origin", "cors"),
    "a public link": (LINK, "POST", "1a2b.gradio.live", "https://1a2b.gradio.live", "same-origin", "cors"),
}
REFUSED = {
    "a form of another page": (OWN, "POST", "127.0.0.1:7860", "https://evil.example", "cross-site", "navigate"),
    "a script of another page": (OWN, "POST", "127.0.0.1:7860", "https://evil.example", "cross-site", "no-cors"),
    "a browser without fetch metadata": (OWN, "POST", "127.0.0.1:7860", "https://evil.example", "", ""),
    "a page in a sandbox": (OWN, "POST", "127.0.0.1:7860", "null", "cross-site", "no-cors"),
    "a browser that hides the origin": (OWN, "POST", "127.0.0.1:7860", "", "cross-site", "no-cors"),
    "an image on another page": (OWN, "GET", "127.0.0.1:7860", "", "cross-site", "no-cors"),
    "another server of this machine": (OWN, "POST", "localhost:7860", "http://localhost:8888", "same-site", "cors"),
    "another name of this machine": (OWN, "POST", "localhost:7860", "http://127.0.0.1:7860", "cross-site", "cors"),
    "a name that now resolves here": (OWN, "GET", "evil.example:7860", "", "same-origin", "cors"),
    "a name that now resolves here, posting": (OWN, "POST", "evil.example", "http://evil.example", "same-origin", ""),
    "a name that looks like ours": (OWN, "GET", "localhost.evil.example", "", "", ""),
    "a name around ours": (OWN, "GET", "127.0.0.1.evil.example:7860", "", "", ""),
    "a user before the name": (OWN, "GET", "localhost@evil.example", "", "", ""),
    "an address from elsewhere": (OWN, "GET", "192.168.0.7:7860", "", "", ""),
    "no name": (OWN, "GET", "", "", "", ""),
    "half an address": (OWN, "GET", "[::1", "", "", ""),
    "half an origin": (OWN, "POST", "localhost", "http://[::1", "", ""),
    "a name on the network that nobody told": (LAN, "GET", "evil.example:7860", "", "", ""),
    "another site, of a name that was told": (TOLD, "POST", "zoo.example.org", "https://evil.example", "", ""),
    "a public link where there is none": (OWN, "GET", "1a2b.gradio.live", "", "", ""),
    "the page of another link": (LINK, "POST", "1a2b.gradio.live", "https://evil.gradio.live", "cross-site", "cors"),
}


def why(case: tuple[Reach, str, str, str, str, str]) -> str | None:
    who, method, *values = case
    names = ("host", "origin", "sec-fetch-site", "sec-fetch-mode")
    return refusal(method, Headers({name: value for name, value in zip(names, values, strict=True) if value}), who)


@pytest.mark.parametrize("case", SERVED)
def test_whose_requests_are_served(case):
    assert why(SERVED[case]) is None


@pytest.mark.parametrize("case", REFUSED)
def test_whose_requests_are_refused(case):
    assert "host name" in why(REFUSED[case]) or "another site" in why(REFUSED[case])


# The environment; then whether there are limits, whether the Hub may be asked, and what the console says.
STARTS = {
    "as it is": ({}, False, True, "For this machine alone"),
    "by its name": ({"GRADIO_SERVER_NAME": "localhost"}, False, True, "For this machine alone"),
    "another loopback": ({"GRADIO_SERVER_NAME": "[::1]"}, False, True, "For this machine alone"),
    "on the network": ({"GRADIO_SERVER_NAME": "0.0.0.0"}, True, False, "On the network, with the limits of a Space"),
    "on one address": ({"GRADIO_SERVER_NAME": "192.168.0.7"}, True, False, "VQZOO_TRUST_NETWORK=1 lifts them"),
    "on IPv6": ({"GRADIO_SERVER_NAME": "::"}, True, False, "no folders of this machine"),
    "through a link": ({"GRADIO_SHARE": "True"}, True, False, "Through a public link, with the limits of a Space"),
    "with the Hub": ({"GRADIO_SERVER_NAME": "0.0.0.0", "VQZOO_ALLOW_HUB": "1"}, True, True, "with the limits"),
    "trusted": ({"GRADIO_SERVER_NAME": "0.0.0.0", "VQZOO_TRUST_NETWORK": "1"}, False, True, "without limits"),
    "a trusted link": ({"GRADIO_SHARE": "true", "VQZOO_TRUST_NETWORK": "1"}, False, True, "without limits"),
    "a Space": ({"SYSTEM": "spaces", "SPACE_ID": "owner/zoo", "VQZOO_TRUST_NETWORK": "1"}, True, False, ""),
}


@pytest.mark.parametrize("start", STARTS)
def test_whoever_is_not_the_owner_gets_the_limits_of_a_space(monkeypatch, start):
    variables, limited, hub, text = STARTS[start]
    for name in ("SYSTEM", "SPACE_ID", "GRADIO_SERVER_NAME", "GRADIO_SHARE", "VQZOO_ALLOW_HUB", "VQZOO_TRUST_NETWORK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert (limits_here(), hub_allowed()) == (SPACE if limited else None, hub)
    assert text in str(reach())


def test_names_are_told_in_one_setting(monkeypatch):
    monkeypatch.setenv("VQZOO_HOSTS", "zoo.example.org, Box ,")
    assert reach().allowed == reach().names == {"zoo.example.org", "box"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="module")
def url(folder) -> Iterator[str]:
    """`python app.py`, as the README says."""
    with serving(ROOT, folder / "log.txt") as url:
        yield url


def ask(url: str, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer; a header's name is written with "_" for "-"."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


FORM = '--x\r\nContent-Disposition: form-data; name="files"; filename="evil.png"\r\n\r\nevil\r\n--x--\r\n'


def test_the_app_is_behind_the_guard(url, folder):
    def upload(**headers: str) -> int:
        status, *_ = ask(
            url, "POST", "/gradio_api/upload", FORM, Content_Type="multipart/form-data; boundary=x", **headers
        )
        return status

    for page in ("https://evil.example", "null"):
        assert upload(Origin=page, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors") == 403
    assert not list(folder.rglob("evil.png")), "nothing of another page is on the disk"
    assert upload() == 200 and upload(Origin=url, Sec_Fetch_Site="same-origin") == 200
    assert list(folder.rglob("evil.png")), "that of a program is"
    for path in ("/", "/config", "/gradio_api/info", "/gradio_api/queue/data", "/theme.css", "/nowhere"):
        status, _, body = ask(url, "GET", path, Host="evil.example")
        assert status == 403 and b"VQZOO_HOSTS" in body, path
    assert "For this machine alone" in (folder / "log.txt").read_text()


@pytest.mark.parametrize("path", ["/", "/config", "/nowhere", "/manifest.json"])
def test_no_other_page_can_frame_it(url, path):
    for host in (urlsplit(url).netloc, "evil.example"):
        _, headers, _ = ask(url, "GET", path, Host=host)
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert headers["content-security-policy"] == "frame-ancestors 'self'"


def test_a_space_is_everybodys_and_framed_by_its_page_alone():
    """Its host is the proxy's, and pages elsewhere may use it."""

    async def app(scope, receive, send) -> None:
        await PlainTextResponse("served")(scope, receive, send)

    sent = []

    async def send(message) -> None:
        sent.append(message)

    headers = {
        b"host": b"owner-zoo.hf.space",
        b"origin": b"https://elsewhere.example",
        b"sec-fetch-site": b"cross-site",
    }
    scope = {"type": "http", "method": "POST", "path": "/", "headers": list(headers.items())}
    asyncio.run(Guard(app, Reach(space=True))(scope, None, send))
    told = dict(sent[0]["headers"])
    assert sent[0]["status"] == 200 and b"x-frame-options" not in told
    assert told[b"content-security-policy"] == (
        b"frame-ancestors 'self' https://huggingface.co https://*.huggingface.co"
    )


def test_a_program_goes_on_working(url):
    models = Client(url, verbose=False).predict(where="this machine", api_name="/models")
    assert len(models) > 20 and json.dumps(models)


def test_the_page_on_security_tells_the_limits_that_there_are():
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    for variable in (HOSTS_VARIABLE, TRUST_VARIABLE, HUB_VARIABLE):
        assert f"| `{variable}=" in page
    assert f"{SPACE.models} models at a click, {SPACE.side} pixels a side" in page and f"{SPACE.loaded} in all" in page
    assert (JSON_LIMIT, WEIGHTS_LIMIT, HEADER_LIMIT) == (2**20, 2 * 2**30, 2 * 2**20)
    assert "| 1 MiB," in page and f"| 2 GiB, {MAX_TENSORS:,} tensors, a header of 2 MiB |" in page
    assert f"| {MAX_MODELS:,} rows |" in page and (MOST, MAX_PARAMETERS) == (2**24, 2**31)
    assert "| 2^24 indices in all" in page and "| 2^31 parameters," in page
