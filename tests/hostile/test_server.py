"""What a server says is data: whatever the Hub answers, it is one sentence, and nothing else is lost.

Each question that a command asks is answered once with each of ANSWERS, by the double of the Hub in tests/hub.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from starlette.responses import Response

import vqzoo
from vqzoo.cli import main
from vqzoo.files.storage import write_json
from vqzoo.hub.fetch import card_text, find
from vqzoo.hub.live import cached, listing
from vqzoo.hub.publish import plan, publish
from vqzoo.hub.space import deploy
from vqzoo.views.facts import card_html, facts_html
from vqzoo.views.zoo import Entry, Shown

from ..hub.double import Hub

ID = "owner/toy-vq-16x8"
EVIL = "\x1b]0;owned\x07\x1b[2J\u202e<img src=x onerror=alert(1)>"
SHA = "0" * 40

ANSWERS: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "a number": b"5",
    "a text": b'"owned"',
    "a list": b"[]",
    "a list of nothing": b"[null]",
    "an object": b"{}",
    "HTML": b"<!doctype html><script>alert(1)</script>",
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "deep": b"[" * 5000 + b"]" * 5000,
    "siblings as a text": json.dumps({"id": ID, "sha": SHA, "siblings": "README.md"}).encode(),
    "siblings without names": json.dumps({"id": ID, "sha": SHA, "siblings": [{"size": 5}]}).encode(),
    "names that are lists": json.dumps({"id": ID, "sha": SHA, "siblings": [{"rfilename": ["x"]}]}).encode(),
    "sizes as texts": json.dumps(
        {"id": ID, "sha": SHA, "siblings": [{"rfilename": "config.json", "size": "1"}]}
    ).encode(),
    "no commit": json.dumps({"id": ID, "sha": None, "siblings": []}).encode(),
    "a commit that is a path": json.dumps({"id": ID, "sha": "../../../evil", "siblings": []}).encode(),
    "a commit of escapes": json.dumps({"id": ID, "sha": EVIL, "siblings": []}).encode(),
    "values of other types": json.dumps({"id": 5, "sha": [], "name": {}, "tags": 5, "oid": [], "files": 5}).encode(),
    "escapes": json.dumps({"id": EVIL, "name": EVIL, "url": EVIL, "commitUrl": EVIL, "commitOid": EVIL}).encode(),
    "lists for all": json.dumps({"objects": [None], "files": [None], "tags": [None], "branches": None}).encode(),
}


@pytest.fixture
def folder(make_card) -> Path:
    return make_card()


@pytest.fixture
def hub_with_one(hub: Hub, folder: Path) -> Hub:
    """A Hub with one model, in an earlier version than that of `folder`."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    hub.put(ID, files | {"README.md": files["README.md"] + b"\nOld.\n"})
    return hub


def ask_new(folder: Path) -> None:
    publish(folder, "owner/another", tag="v1", collection="Toys")


OPERATIONS: dict[str, Callable[[Path], Any]] = {
    "load": lambda folder: vqzoo.load(ID),
    "read the card": lambda folder: card_text(find(ID)),
    "compare": lambda folder: plan(folder, folder.name),
    "publish": lambda folder: publish(folder, ID, tag="v1", collection="Toys"),
    "publish a new one": ask_new,
    "deploy": lambda folder: deploy(folder, "owner/space"),
}


def is_safe(text: str) -> bool:
    return text.isprintable() and not set("<>") & set(text)


def answering(application: Any, method: str, path: str, answer: bytes, status: int) -> Any:
    """The same application, that gives this answer to one question."""

    async def answer_this(scope: Any, receive: Any, send: Any) -> None:
        if (scope["method"], scope["path"]) == (method, path):
            await Response(answer, status, media_type="application/json")(scope, receive, send)
        else:
            await application(scope, receive, send)

    return answer_this


def afresh(hub: Hub, home: Path) -> None:
    """The Hub as at first, and an empty cache."""
    for name in [name for name in hub.repos if name != ID]:
        del hub.repos[name]
    del hub.repos[ID].commits[2:]
    hub.repos[ID].tags.clear()
    hub.collections.clear()
    hub.mend()
    constants.HF_HUB_CACHE = str(home)


def questions(hub: Hub, folder: Path, home: Path, operation: str) -> Iterator[tuple[str, str]]:
    afresh(hub, home)
    before = len(hub.requests)
    OPERATIONS[operation](folder)
    yield from dict.fromkeys(hub.requests[before:])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_any_answer_is_one_sentence(hub_with_one, folder, tmp_path, monkeypatch, operation):
    hub, application = hub_with_one, hub_with_one.application
    monkeypatch.setattr("vqzoo.hub.publish.check", lambda folder: None)  # its files are not what is tried here
    asked = list(questions(hub, folder, tmp_path / "first", operation))
    assert asked
    refused = 0
    for number, (method, path) in enumerate(asked):
        for what, answer in ANSWERS.items():
            for status in (200, 400) if what in ("null", "escapes") else (200,):
                afresh(hub, tmp_path / f"{number} {what} {status}")
                hub.application = answering(application, method, path, answer, status)
                try:
                    OPERATIONS[operation](folder)
                except ValueError as error:
                    refused += 1
                    assert type(error) is ValueError, (method, path, what)
                    assert 10 < len(str(error)) <= 600 and is_safe(str(error)), (method, path, what)
                hub.application = application
    assert refused > len(asked) * len(ANSWERS) // 3
    afresh(hub, tmp_path / "last")
    OPERATIONS[operation](folder)
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name]


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_list_that_makes_no_sense_leaves_the_last_one(hub_with_one, folder, answer):
    hub = hub_with_one
    assert [model.repo_id for model in listing(60, fresh=0).models] == [ID]
    hub.application = answering(hub.application, "GET", "/api/models", ANSWERS[answer], 200)
    now = listing(60, fresh=0)
    assert now.problem is None or (is_safe(now.problem) and [model.repo_id for model in now.models] == [ID])
    json.dumps([model.metrics for model in cached().models], allow_nan=False)


ROWS: dict[str, dict[str, Any]] = {
    "other types": {"tags": "vqzoo", "model-index": 5, "safetensors": None},
    "tags of other types": {"tags": [None, 5, ["quantizer:vq"], {"quantizer": "vq"}]},
    "a long number": {"tags": ["quantizer:vq", "bits:" + "9" * 5000]},
    "markup": {"tags": [f"quantizer:{EVIL}", f"dataset:{EVIL}", f"pe:{EVIL}"]},
    "markup beside": {"tags": ["quantizer:vq", f"dataset:{EVIL}", f"pe:{EVIL}"]},
    "no numbers": {"tags": ["quantizer:vq"], "safetensors": {"parameters": {"F32": "5", "F16": None}, "total": "x"}},
    "absurd figures": {
        "tags": ["quantizer:vq"],
        "model-index": [{"results": [{"metrics": [{"type": "psnr", "value": 1e299}, {"type": "dead", "value": 0.5}]}]}],
    },
}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_that_makes_no_sense_is_lost_alone(hub_with_one, row):
    """Whoever publishes chooses the tags and the metadata of a card."""
    hub = hub_with_one
    whole = hub._describe(hub.repos[ID], hub.repos[ID].head)
    rows = [whole, {"_id": "1", "id": "evil/row", "sha": SHA, "tags": [], **ROWS[row]}]
    hub.application = answering(hub.application, "GET", "/api/models", json.dumps(rows).encode(), 200)
    now = listing(60, fresh=0)
    assert now.problem is None and now.models[0].repo_id == ID and now.models[0].metrics["metrics"]["psnr"] == 12.5
    for model in now.models[1:]:
        assert is_safe(str(model.config) + str(model.metrics)) and "psnr" not in model.metrics["metrics"]
        assert is_safe("".join(text for _, text in _facts(facts_html(Shown(Entry(model), model), None))))


def _facts(html: str) -> list[tuple[str, str]]:
    return [tuple(part.split("</dt><dd>")) for part in html.replace("</dd>", "<dt>").split("<dt>") if "</dt>" in part]


def test_the_cache_of_the_list_may_hold_anything(hub_with_one):
    assert [model.repo_id for model in listing(60, fresh=0).models] == [ID]
    path = Path(constants.HF_HOME) / "vqzoo" / "live.json"
    stored = json.loads(path.read_text())
    for value in (None, 5, "x", [], {}, [None], ["x"], [{}], [stored["models"][0] | {"metrics": []}]):
        path.write_text(json.dumps(stored | {"models": value}))
        assert cached().models == ()


def test_what_the_hub_says_reaches_the_terminal_without_escapes(hub_with_one, folder, capsys, monkeypatch):
    answer = json.dumps({"error": EVIL}).encode()
    application = hub_with_one.application
    for status in (400, 404, 500):
        hub_with_one.application = answering(application, "GET", f"/api/models/{ID}", answer, status)
        for command in (["publish", str(folder), "--to", ID], ["publish", str(folder), "--to", ID, "--yes"]):
            assert main(command) == 1
            message = capsys.readouterr()
            assert message.out == "" and message.err.startswith("error: ") and is_safe(message.err.removesuffix("\n"))
    hub_with_one.application = application


def test_a_card_of_markup_is_text(hub_with_one, folder):
    record = json.loads((folder / "metrics.json").read_text())
    write_json(folder / "metrics.json", record | {"dataset": EVIL})
    hub_with_one.put(
        "evil/toy", {path.name: path.read_bytes() for path in folder.iterdir()} | {"README.md": EVIL.encode()}
    )
    with pytest.raises(ValueError, match="markup or control characters") as error:
        find("evil/toy")
    assert is_safe(str(error.value))
    hub_with_one.put("evil/toy", {"metrics.json": json.dumps(record).encode()})
    model = find("evil/toy")
    html = card_html(Shown(Entry(model), model, card_text(model)))
    assert "<img" not in html and "\x1b" not in html
