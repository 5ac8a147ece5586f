"""Five hundred files that are no pictures: each is refused in a sentence, nothing breaks, nothing of ours is told."""

import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from vqzoo.files.images import ImageError
from vqzoo.hub.registry import list_models
from vqzoo.views.engine import Engine

from .conftest import ROOT, serving
from .uploads import KINDS, malformed

NUMBER = 500
SURVIVES = {"flipped", "spliced", "cut_short"}
"""Kinds of which some can still be read: a GIF or a TIFF without its last bytes, colours that are others."""


@pytest.mark.filterwarnings("ignore")  # Pillow's, of files that are meant to be wrong
def test_the_loader_refuses_each_in_a_sentence(tmp_path):
    engine = Engine(list_models())
    path = tmp_path / "somebody's holiday.png"
    before = psutil.Process().memory_info().rss
    read, sentences = Counter(), Counter()
    for index, (kind, data) in enumerate(malformed(NUMBER)):
        path.write_bytes(data)
        try:
            photo = engine.photo(str(path), 64 + index)  # another key each time, so that nothing is remembered
        except ImageError as error:
            message = str(error)
            sentences[message] += 1
            assert message.endswith(".") and len(message) < 200 and "\n" not in message, kind
            assert "holiday" not in message and str(tmp_path) not in message and "object at 0x" not in message, kind
            continue
        read[kind] += 1
        assert photo.pixels.ndim == 3 and photo.pixels.shape[2] == 3
    assert set(read) <= SURVIVES and read.total() < 0.2 * NUMBER, read
    assert len(sentences) >= 5, "different faults, different sentences"
    assert psutil.Process().memory_info().rss - before < 200 * 2**20


def test_files_differ_and_stay_the_same():
    files = list(malformed(64))
    assert files == list(malformed(64)) and len({data for _, data in files}) > 50
    assert {kind for kind, _ in files} == set(KINDS)


@pytest.fixture(scope="module")
def own_url(tmp_path_factory) -> Iterator[str]:
    """An app of these tests' own, as it writes down what nobody foresaw."""
    with serving(ROOT, tmp_path_factory.mktemp("app") / "log.txt") as url:
        yield url


@pytest.fixture(scope="module")
def client(own_url) -> Client:
    return Client(own_url, verbose=False)


def ask(client: Client, photograph) -> str:
    """What the app answers to a comparison of it, an error."""
    api = client.view_api(return_format="dict")["named_endpoints"]["/compare"]["parameters"]
    first = next(each["parameter_name"] for each in api if "filepath" in str(each["python_type"]))
    with pytest.raises(AppError) as caught:
        client.predict(**{first: photograph}, api_name="/compare")
    return str(caught.value)


def test_the_app_says_so_too(client, tmp_path):
    names = {".png", ".jpg", ".svg", ".exe"}
    for (kind, data), suffix in zip(malformed(len(KINDS), seed=3), [*names, *names], strict=True):
        if kind in SURVIVES:
            continue
        path = tmp_path / f"secret{suffix}"
        path.write_bytes(data)
        message = ask(client, handle_file(path))
        assert message.endswith(".") and "secret" not in message and "/tmp" not in message, (kind, message)


@pytest.mark.parametrize(
    "photograph",
    [
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
        {"path": "../../../etc/passwd", "meta": {"_type": "gradio.FileData"}},
        {"path": str(Path(__file__)), "meta": {"_type": "gradio.FileData"}},
        {"url": "http://127.0.0.1:9/x.png", "meta": {"_type": "gradio.FileData"}},
        {"path": None},
        "a text",
        17,
        [1, 2],
    ],
    ids=str,
)
def test_what_is_no_upload_at_all_tells_nothing(own_url, photograph):
    """Of a file of the server's own, neither what is in it nor where anything lies."""
    config = json.load(urllib.request.urlopen(f"{own_url}/config", timeout=30))
    event = next(each for each in config["dependencies"] if each["api_name"] == "compare")
    values = {each["id"]: each["props"].get("value") for each in config["components"]}
    data = [photograph, *(values[number] for number in event["inputs"][1:])]
    request = urllib.request.Request(
        f"{own_url}/gradio_api/call/compare",
        json.dumps({"data": data}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        number = json.load(urllib.request.urlopen(request, timeout=60))["event_id"]
        answer = urllib.request.urlopen(f"{own_url}/gradio_api/call/compare/{number}", timeout=60).read().decode()
    except urllib.error.HTTPError as error:
        answer = "event: error " + error.read().decode()
    assert "event: error" in answer, answer[:300]
    for told in ("passwd", "root:", "/tmp", "/work", "site-packages", "Traceback", Path(__file__).name):
        assert told not in answer, answer[:500]
