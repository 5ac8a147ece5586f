"""The registry page's logic: three sources as one table, loading and removing, and what a dead Hub costs."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants

from vqzoo.hub.cache import bytes_underway, cached_models, remove
from vqzoo.hub.live import Listing
from vqzoo.hub.registry import CARDS_VARIABLE, local_models
from vqzoo.views import zoo as page
from vqzoo.views.comparison import COLUMNS, compare
from vqzoo.views.engine import Engine
from vqzoo.views.facts import card_html, facts_html
from vqzoo.views.zoo import Filters, Loading, Zoo, hub_line, origins

LOCAL = "toy-vq-16x8"


@pytest.fixture
def publish(hub, make_card):
    """Put a model under an id, with some of its files changed or (None) left out; returns the commit."""

    def put(repo_id: str, seed: int = 0, **files: bytes | None) -> str:
        folder = make_card(repo_id.replace("/", "--"), seed)
        whole = {path.name: path.read_bytes() for path in folder.iterdir()}
        changed = {name.replace("_", "."): data for name, data in files.items()}
        return hub.put(repo_id, {name: data for name, data in (whole | changed).items() if data is not None})

    return put


@pytest.fixture
def make_zoo(make_card, tmp_path, monkeypatch):
    """A registry with one model of its own, and its engine."""
    monkeypatch.setenv(CARDS_VARIABLE, str(tmp_path / "mine"))
    make_card(LOCAL).rename((tmp_path / "mine").mkdir() or tmp_path / "mine" / LOCAL)

    def make(ask: bool = True, allowed: bool = True, most: int | None = None) -> Zoo:
        zoo = Zoo(Engine(local_models()[0]), allowed, most)
        zoo.refresh()
        if ask:
            zoo.ask(again=True)
        return zoo

    return make


def names(zoo: Zoo, **wanted: object) -> list[str]:
    return [row[0] for row in zoo.rows(Filters(**wanted))]


def cell(zoo: Zoo, name: str, column: str) -> object:
    (row,) = [row for row in zoo.rows(Filters()) if row[0] == name]
    return dict(zip(page.COLUMNS, row, strict=True))[column]


def load(zoo: Zoo, text: str, folders: bool = True) -> str:
    *_, name = zoo.load_from(text, folders)
    return str(name)


def test_what_is_on_this_machine_is_there_before_anybody_is_asked(hub, publish, make_zoo):
    publish("zoo/other")
    zoo = make_zoo(ask=False)
    assert names(zoo) == [LOCAL] and hub.requests == []
    zoo.ask()
    assert names(zoo) == ["other", LOCAL]
    assert [cell(zoo, name, "where") for name in ("other", LOCAL)] == ["Hub", "this machine"]


def test_how_long_a_model_was_trained_stands_beside_its_quality():
    zoo = Zoo(Engine(local_models()[0]), False, None)
    zoo.refresh()
    seen = {model.name: model.metrics["training"]["images"] for model in local_models()[0]}
    assert all(cell(zoo, name, "images seen") == f"{images:,}" for name, images in seen.items())


def test_a_model_of_two_places_is_one_row_that_says_both(hub, publish, make_zoo):
    sha = publish(f"zoo/{LOCAL}", 1)
    zoo = make_zoo()
    assert names(zoo) == [LOCAL] and cell(zoo, LOCAL, "where") == "this machine, Hub"
    (shown,) = zoo.show(LOCAL)
    assert f"zoo/{LOCAL} at {sha[:7]}" in facts_html(shown, LOCAL)
    assert names(zoo, origin="Hub") == names(zoo, origin="this machine") == [LOCAL]


def test_repositories_of_one_name_are_two_rows(hub, publish, make_zoo):
    publish("one/same")
    publish("two/same", 1)
    assert names(make_zoo()) == ["one/same", LOCAL, "two/same"]


FILTERS = {
    "nothing": ({}, ["a", "b", LOCAL]),
    "words": ({"text": "zoo VQ"}, ["a", "b"]),
    "an encoding": ({"text": "sinusoidal"}, []),
    "a quantizer": ({"quantizer": "vq"}, ["a", "b", LOCAL]),
    "another quantizer": ({"quantizer": "looc"}, []),
    "a data set": ({"dataset": "toy"}, ["a", "b", LOCAL]),
    "bits": ({"max_bits": 16}, ["a", LOCAL]),
    "fewer bits": ({"max_bits": 15}, []),
    "megabytes": ({"max_megabytes": 1}, ["a", "b", LOCAL]),
    "fewer megabytes": ({"max_megabytes": 0.001}, []),
    "an author": ({"author": "zoo"}, ["a", "b"]),
    "a place": ({"origin": "Hub"}, ["a", "b"]),
    "two": ({"origin": "Hub", "max_bits": 16}, ["a"]),
}


@pytest.mark.parametrize("case", FILTERS)
def test_filters(hub, publish, make_zoo, case):
    publish("zoo/a")
    publish("zoo/b", README_md=b"---\ntags: [vqzoo, image-tokenizer, 'quantizer:vq', 'dataset:toy', 'bits:32']\n---\n")
    wanted, expected = FILTERS[case]
    assert names(make_zoo(), **wanted) == expected


def test_choices_of_filters_are_what_there_is(hub, publish, make_zoo):
    publish("zoo/a")
    choices = make_zoo().choices()
    assert choices == {"quantizer": ["vq"], "dataset": ["toy"], "author": ["zoo"], "origin": ["this machine", "Hub"]}


def test_a_loaded_model_is_offered_and_computes_what_its_own_commit_says(hub, publish, make_zoo, path):
    from vqzoo.analysis.photograph import reconstruct
    from vqzoo.hub.registry import load as load_tokenizer

    sha = publish("zoo/other", 1)
    zoo = make_zoo()
    publish("zoo/other", 2)  # after it was listed
    *_, name = zoo.load(zoo.entry("other").model)
    assert name == "other" and zoo.engine.loaded == ("other",)
    model = zoo.engine.models["other"]
    assert model.revision == sha and model.measured
    photo = zoo.engine.photo(path, 32)
    expected = reconstruct(load_tokenizer(f"zoo/other@{sha}"), photo.pixels)
    assert np.array_equal(zoo.engine.run("other", photo).pixels, expected.pixels)
    assert origins(zoo.entry("other")) == ["hub", "cache"]
    again = len(hub.requests)
    assert [*zoo.load(zoo.entry("other").model)] == ["other"], "it is there"
    *_, last = compare(zoo.engine, path, 32, ["other", LOCAL])
    assert len(last["table"]) == 2 and len(hub.requests) == again, "no page asks the Hub for what is loaded"


def test_a_model_without_metrics_is_loaded_and_says_so(hub, publish, make_zoo, path):
    publish("zoo/plain", metrics_json=None, usage_json=None, README_md=None)
    zoo = make_zoo()
    assert load(zoo, "zoo/plain") == "plain" and not zoo.engine.models["plain"].measured
    *_, last = compare(zoo.engine, path, 32, ["plain", LOCAL])
    rows, usage = {row[0]: row for row in last["table"]}, [*COLUMNS].index("usage on test split")
    assert rows["plain"][usage] == "not measured" and rows[LOCAL][usage] == "100.0%"
    assert rows["plain"][-1] == "not known"
    *_, shown = zoo.show("plain")
    assert "Not measured" in facts_html(shown, "plain") and "without a model card" in card_html(shown)


def test_an_id_may_name_a_revision_and_every_one_has_its_own_name(hub, publish, make_zoo):
    old, new = publish("zoo/other", 1), publish("zoo/other", 2)
    zoo = make_zoo()
    assert load(zoo, f"zoo/other@{old}") == "other"
    assert load(zoo, "zoo/other@main") == "zoo/other"
    assert load(zoo, f"zoo/other@{old}") == "other", "what is offered is not loaded again"
    revisions = {name: zoo.engine.models[name].revision for name in zoo.engine.loaded}
    assert revisions == {"other": old, "zoo/other": new}


def test_a_folder_is_loaded_where_that_is_allowed(make_card, make_zoo):
    zoo = make_zoo(ask=False)
    folder = make_card("own", 3)
    with pytest.raises(ValueError, match="owner/name@revision$"):
        load(zoo, str(folder), folders=False)
    assert load(zoo, str(folder)) == "own" and zoo.engine.models["own"].source == folder.resolve()
    assert names(zoo) == ["own", LOCAL] and load(zoo, str(folder)) == "own"


BAD = {
    "": "is no model: write a Hub repository",
    "word": "is no model: write",
    "../../etc/passwd": "is no model: write",
    "zoo/none": "not on the Hub",
    "zoo/other@nope": "no such revision",
    "zoo/broken": "config.json of broken is not valid JSON|config.json of zoo/broken is not valid JSON",
    "zoo/torn": "cut short",
}


@pytest.mark.parametrize("text", BAD)
def test_what_cannot_be_loaded_is_told_and_not_offered(hub, publish, make_zoo, text):
    publish("zoo/other")
    publish("zoo/broken", config_json=b"{")
    publish("zoo/torn", model_safetensors=b"torn")
    zoo = make_zoo()
    with pytest.raises(ValueError, match=BAD[text]):
        load(zoo, text)
    assert zoo.engine.loaded == () and list(zoo.engine.models) == [LOCAL]


def test_a_download_says_how_far_it_is(hub, publish, make_zoo, monkeypatch):
    publish("zoo/other")
    zoo = make_zoo()
    hub.delay = 0.2
    monkeypatch.setattr(page, "_BEAT", 0.02)
    blobs = Path(constants.HF_HUB_CACHE) / "models--zoo--other" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "x.incomplete").write_bytes(b"x" * 100)
    assert bytes_underway("zoo/other") == 100 and bytes_underway("zoo/none") == 0
    *steps, name = zoo.load(zoo.entry("other").model)
    assert name == "other" and len(steps) > 3
    assert all(isinstance(step, Loading) and step.total == zoo.entry("other").model.size for step in steps)
    assert steps[0].done == 100


def test_no_more_models_are_loaded_than_are_allowed(hub, publish, make_zoo):
    publish("zoo/a")
    publish("zoo/b", 1)
    zoo = make_zoo(most=1)
    load(zoo, "zoo/a")
    with pytest.raises(ValueError, match="takes no more"):
        load(zoo, "zoo/b")
    assert load(zoo, "zoo/a") == "a"


def test_where_the_hub_is_not_allowed_it_is_not_asked(hub, publish, make_zoo):
    publish("zoo/other")
    zoo = make_zoo(allowed=False)
    with pytest.raises(ValueError, match="loads what its list has"):
        load(zoo, "zoo/other")
    assert names(zoo) == [LOCAL] and hub.requests == []


def test_removing_frees_what_it_says_and_touches_nothing_else(hub, publish, make_zoo, tmp_path, path):
    publish("zoo/other", 1)
    publish("zoo/third", 2)
    zoo = make_zoo()
    cache = Path(constants.HF_HUB_CACHE)
    for text in ("zoo/other", "zoo/third"):
        load(zoo, text)
    foreign = cache / "models--their--bert" / "snapshots" / ("a" * 40)
    foreign.mkdir(parents=True)
    (foreign / "config.json").write_text(json.dumps({"model_type": "bert"}))
    mine = sorted(path.name for path in (tmp_path / "mine").rglob("*"))
    before = {each.repo_id: each.size for each in cached_models()}
    assert set(before) == {"zoo/other", "zoo/third"}
    assert "1 commit, " in zoo.removable(zoo.entry("other"))
    assert f"{before['zoo/other'] / 1e3:,.1f} kB freed" in zoo.remove("other")
    assert {each.repo_id for each in cached_models()} == {"zoo/third"} and foreign.is_dir()
    assert mine == sorted(path.name for path in (tmp_path / "mine").rglob("*"))
    assert zoo.engine.loaded == ("third",) and zoo.offered_as(zoo.entry("other").model) is None
    with pytest.raises(ValueError, match="other is no longer offered here"):
        list(compare(zoo.engine, path, 32, ["other"]))
    for name in ("other", LOCAL):
        with pytest.raises(ValueError, match="holds nothing of it"):
            zoo.remove(name)
    for repo_id in ("their/bert", LOCAL, "../.."):
        with pytest.raises(ValueError, match="not in the local cache"):
            remove(repo_id)


def test_offline_what_was_downloaded_is_listed_loaded_and_shown(hub, publish, make_zoo):
    publish("zoo/other", 1)
    load(make_zoo(), "zoo/other")
    (Path(constants.HF_HOME) / "vqzoo" / "live.json").unlink()
    with hub.down():
        zoo = make_zoo()
        assert names(zoo) == ["other", LOCAL] and cell(zoo, "other", "where") == "Hub, downloaded"
        assert hub_line(zoo.now).startswith("Offline: the Hub cannot be reached. What you see is from this machine")
        *_, name = zoo.load(zoo.entry("other").model)
        assert name == "other"


def test_a_card_that_the_hub_does_not_send_is_not_waited_for(hub, publish, make_zoo, monkeypatch):
    publish("zoo/other")
    zoo = make_zoo()
    monkeypatch.setattr(page, "PATIENCE", 0.1)
    hub.delay = 1.0
    start = time.monotonic()
    first, last = zoo.show("other")
    assert time.monotonic() - start < 0.9
    assert first.note.startswith("Reading") and "did not answer within 0.1 s" in card_html(last)
    assert "Where" in facts_html(last, None)


def test_a_card_is_read_once(hub, publish, make_zoo):
    publish("zoo/other", README_md=b"---\ntags: [vqzoo, image-tokenizer, 'quantizer:vq']\n---\n# Hello")
    zoo = make_zoo()
    *_, shown = zoo.show("other")
    assert "<h4>Hello</h4>" in card_html(shown) and shown.model.measured
    asked = len(hub.requests)
    (again,) = zoo.show("other")
    assert again.card == shown.card and len(hub.requests) == asked


STATES = {
    "The Hub answered just now: 2 models there.": (Listing((None,) * 2, 1.0), False),
    "The Hub answered 59 s ago: 1 model there.": (Listing((None,), 59.9), False),
    "Asking the Hub what there is …": (Listing((), None), True),
    "Asking the Hub what is new … (2 models listed 1 day ago)": (Listing((None,) * 2, 90000.0), True),
    "Offline: the Hub is away. What you see is from its last answer: 2 models listed 3 hours ago.": (
        Listing((None,) * 2, 3 * 3600 + 5.0, "the Hub is away (no route)"),
        False,
    ),
}


@pytest.mark.parametrize("said", STATES)
def test_the_state_of_the_hub_is_one_sentence(said):
    assert hub_line(*STATES[said]) == said


def test_a_new_model_of_a_name_is_not_taken_for_the_old_one(make_zoo, make_card, path):
    engine = make_zoo(ask=False).engine
    photo = engine.photo(path, 32)
    before = engine.run(LOCAL, photo).pixels
    from vqzoo.hub.model import read_model

    engine.add(read_model(make_card(LOCAL, 5)))
    assert not np.array_equal(engine.run(LOCAL, photo).pixels, before)
    assert engine.changes == 1
