"""The list of what is published: one request, on another thread, kept on disk; and the three sources as one list."""

import json
import threading
import time
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

import vqzoo
from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.files.storage import write_json
from vqzoo.hub import live, registry, snapshot
from vqzoo.hub.card import model_card
from vqzoo.hub.live import cached, listing
from vqzoo.hub.registry import CARDS_VARIABLE, list_models
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer

LOCAL = "cifar10-vq-16x8"
CARD = b"---\ntags: [vqzoo, image-tokenizer, 'quantizer:looc', 'pe:none']\n---\n"


def make(seed: int = 0) -> Tokenizer:
    torch.manual_seed(seed)
    autoencoder = build_autoencoder("conv", latent_dim=8, width=4, residual_width=2, residual_blocks=0)
    return Tokenizer(autoencoder, build("vq", dim=8, codebook_size=16), build_position("none", dim=8), 32)


def record(name: str) -> dict:
    recipe = {"held_out": 10, "weights": {"reconstruction": 1.0}}
    training = {"images": 1, "full_budget_images": 4, "recipe": recipe, "seconds": 60.0, "device": "CPU"}
    training |= {"steps": 2, "best_step": 1}
    metrics = {"protocol": "lossless", "num_images": 100, "bits_per_image": 256.0, "psnr": 20.5, "lpips": None}
    names = {"name": name, "dataset": "cifar10", "hub_id": "uoft-cs/cifar10", "split": "test", "stored_as": "float32"}
    return {**names, "training": training, "metrics": metrics}


@pytest.fixture
def publish(hub, tmp_path):
    """Put a whole model folder under an id, as publishing does; returns the commit."""

    def put(repo_id: str, seed: int = 0) -> str:
        folder = tmp_path / repo_id.replace("/", "--") / str(seed)
        folder.mkdir(parents=True)
        make(seed).save(folder)
        name = repo_id.split("/")[1]
        write_json(folder / "metrics.json", record(name))
        (folder / "README.md").write_text(model_card(record(name), make().config))
        return hub.put(repo_id, {path.name: path.read_bytes() for path in folder.iterdir()})

    return put


@pytest.fixture(autouse=True)
def cards(tmp_path, monkeypatch):
    """One local model."""
    folder = tmp_path / "cards" / LOCAL
    folder.mkdir(parents=True)
    make().save(folder)
    write_json(folder / "metrics.json", record(LOCAL))
    monkeypatch.setenv(CARDS_VARIABLE, str(folder.parent))


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Write a shipped snapshot."""
    monkeypatch.setattr(registry, "SNAPSHOT", tmp_path / "registry.json")

    def write(*models) -> None:
        entries = [
            live_entry if isinstance(live_entry, dict) else snapshot.to_entry(live_entry) for live_entry in models
        ]
        write_json(tmp_path / "registry.json", {"format": 1, "models": entries})

    write()
    return write


def listed() -> int:
    """How old the last answer is made."""
    path = Path(constants.HF_HOME) / "vqzoo" / "live.json"
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({**stored, "asked": stored["asked"] - 10_000}))
    return 10_000


def test_a_published_model_is_listed_with_what_its_card_says(hub, publish):
    sha = publish("zoo/cifar10-vq-new")
    hub.put("zoo/of-others", {"README.md": b"---\ntags: [image-tokenizer]\n---\n"})
    (model,) = listing().models
    assert (model.name, model.origin, model.source) == ("cifar10-vq-new", "hub", None)
    assert (model.repo_id, model.revision, model.author) == ("zoo/cifar10-vq-new", sha, "zoo")
    assert model.config["quantizer"] == [{"name": "vq"}] and model.config["position"] == {"name": "none"}
    assert model.metrics["metrics"] == {"bits_per_image": 256.0, "psnr": 20.5}
    assert model.size == sum(tensor.nbytes for tensor in make().state_dict().values())
    assert len(hub.asked("GET", "/api/models")) == 1


def test_all_pages_are_read(hub, publish):
    hub.page_size = 2
    for number in range(5):
        hub.put(f"zoo/m{number}", {"README.md": CARD})
    assert len(listing().models) == 5 and len(hub.asked("GET", "/api/models")) == 3


def test_no_more_pages_are_asked_for_than_models_are_wanted(hub, publish, monkeypatch):
    monkeypatch.setattr(live, "MAX_MODELS", 3)
    hub.page_size = 2
    for number in range(7):
        hub.put(f"zoo/m{number}", {"README.md": CARD})
    assert len(listing().models) == 3 and len(hub.asked("GET", "/api/models")) == 2


def test_without_live_the_hub_is_not_asked(hub, publish):
    publish("zoo/cifar10-vq-new")
    assert [model.name for model in list_models()] == [LOCAL] and hub.requests == []


def test_a_young_answer_is_not_asked_for_again_and_an_old_one_is(hub, publish):
    publish("zoo/a")
    assert listing().age == 0 and len(listing().models) == 1
    assert len(hub.requests) == 1
    listed()
    publish("zoo/b")
    assert {model.name for model in listing().models} == {"a", "b"}
    assert len(hub.requests) == 2


def test_with_the_hub_away_the_last_answer_is_taken_and_says_how_old_it_is(hub, publish):
    publish("zoo/a")
    listing()
    listed()
    with hub.down():
        now = listing()
        assert [model.name for model in list_models(live=True)] == ["a", LOCAL]
    assert [model.name for model in now.models] == ["a"] and 10_000 <= now.age < 10_100
    assert now.problem.startswith("the Hub cannot be reached")


def test_offline_nothing_is_tried_and_the_last_answer_is_taken(hub, publish, monkeypatch):
    publish("zoo/a")
    listing()
    listed()
    hub.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    now = listing()
    assert [model.name for model in now.models] == ["a"] and now.problem and hub.requests == []


def test_a_slow_hub_is_not_waited_for_and_its_answer_is_there_later(hub, publish):
    publish("zoo/a")
    hub.delay = 0.6
    start = time.monotonic()
    now = listing(seconds=0.1)
    assert time.monotonic() - start < 0.5 and now.models == () and now.age is None
    assert now.problem == "the Hub did not answer within 0.1 s"
    assert [model.name for model in listing(seconds=20).models] == ["a"]
    assert len(hub.requests) == 1, "the second call waits for the question of the first"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 2, "models": []}', "\x00" * 9])
def test_a_damaged_cache_is_none(hub, publish, text):
    publish("zoo/a")
    listing()
    (Path(constants.HF_HOME) / "vqzoo" / "live.json").write_text(text)
    assert cached().age is None
    assert len(listing().models) == 1


def test_a_cache_of_another_hub_is_none(hub, publish, monkeypatch):
    publish("zoo/a")
    listing()
    monkeypatch.setattr(constants, "ENDPOINT", "https://elsewhere.invalid")
    assert cached() == live.Listing((), None)


def test_where_the_cache_cannot_be_written_the_answer_is_still_given(hub, publish, tmp_path, monkeypatch):
    publish("zoo/a")
    (tmp_path / "file").touch()
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "file"))
    assert [model.name for model in listing().models] == ["a"]


HOSTILE = {
    "no tags": b"---\nlicense: mit\n---\n",
    "a quantizer of markup": CARD.replace(b"quantizer:looc", b"quantizer:<script>"),
    "no quantizer": CARD.replace(b"'quantizer:looc', ", b""),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_repository_that_says_nothing_usable_is_left_out(hub, publish, case):
    publish("zoo/a")
    hub.put("evil/b", {"README.md": HOSTILE[case]})
    assert [model.name for model in listing().models] == ["a"]


INDEXES = [
    "5",
    "[]",
    "[5]",
    "[{}]",
    "[{results: 5}]",
    "[{results: [{metrics: [{type: psnr, value: true}]}]}]",
    "[{results: [{metrics: [{type: psnr, value: high}]}]}]",
    "[{results: [{metrics: [{type: [psnr], value: 1}]}]}]",
    "[{results: [{metrics: [{type: '<b>', value: 1}]}]}]",
]


@pytest.mark.parametrize("index", INDEXES)
def test_metrics_that_are_none_are_left_out(hub, publish, index):
    publish("zoo/a")
    hub.put("evil/b", {"README.md": CARD.replace(b"---\ntags", f"---\nmodel-index: {index}\ntags".encode())})
    models = {model.name: model for model in listing().models}
    assert models["b"].metrics["metrics"] == {} and models["a"].metrics["metrics"]["psnr"] == 20.5


def test_metadata_that_stops_the_client_does_not_stop_the_list(hub, publish):
    """These keys are arguments of the client's own reader of cards."""
    publish("zoo/a")
    hub.put("evil/b", {"README.md": CARD.replace(b"---\ntags", b"---\nignore_metadata_errors: true\ntags")})
    assert {model.name for model in listing().models} == {"a", "b"}


def test_bits_are_known_from_a_tag_alone(hub):
    hub.put("zoo/a", {"README.md": CARD.replace(b"'pe:none'", b"'pe:none', 'bits:640', 'dataset:flowers'")})
    (model,) = listing().models
    assert model.metrics == {"metrics": {"bits_per_image": 640}, "dataset": "flowers"}


def test_one_model_of_each_name_and_the_nearer_source_wins(hub, publish, shipped):
    new, old = publish("zoo/only-live"), publish("zoo/pinned")
    publish(f"zoo/{LOCAL}")
    (pinned,) = [model for model in snapshot.take(["zoo"], listing())[0] if model.name == "pinned"]
    shipped(pinned)
    publish("zoo/pinned", 1)
    listed()
    models = {model.name: model for model in list_models(live=True)}
    assert {name: model.origin for name, model in models.items()} == {
        LOCAL: "local",
        "only-live": "hub",
        "pinned": "snapshot",
    }
    assert models["pinned"].revision == old and models["only-live"].revision == new
    assert list(models) == sorted(models)


def test_a_local_model_learns_where_the_snapshot_has_it(hub, publish, shipped):
    sha = publish(f"zoo/{LOCAL}")
    shipped(*snapshot.take(["zoo"], listing())[0])
    (model,) = list_models(live=True)
    assert (model.origin, model.repo_id, model.revision) == ("local", f"zoo/{LOCAL}", sha)
    assert list_models(live=True, author="zoo") == [model]


def test_repositories_of_one_name_carry_their_owners(hub, publish, shipped):
    for owner in ("one", "two"):
        publish(f"{owner}/same")
    assert [model.name for model in list_models(live=True)] == [LOCAL, "one/same", "two/same"]


def test_a_stranger_cannot_take_over_a_name(hub, publish, shipped):
    """Neither a local model's nor one that is shipped."""
    sha = publish("zoo/pinned")
    shipped(*snapshot.take(["zoo"], listing())[0])
    for name in ("pinned", LOCAL):
        publish(f"evil/{name}", 1)
    listed()
    models = {model.name: model for model in list_models(live=True)}
    assert models["pinned"].repo_id == "zoo/pinned" and models["pinned"].revision == sha
    assert models[LOCAL].source is not None
    assert torch.equal(weight(vqzoo.load("pinned")), weight(make()))
    assert torch.equal(weight(vqzoo.load(LOCAL)), weight(make()))


def weight(tokenizer: Tokenizer) -> torch.Tensor:
    return tokenizer.state_dict()["autoencoder.encoder.0.weight"]


def test_names_of_the_snapshot_and_of_the_last_list_can_be_loaded(hub, publish, shipped):
    publish("zoo/pinned")
    shipped(*snapshot.take(["zoo"], listing())[0])
    publish("zoo/only-live", 1)
    publish("zoo/pinned", 2)
    listed()
    with pytest.raises(ValueError, match="model='only-live': .*known: "):
        vqzoo.load("only-live")
    list_models(live=True)
    assert torch.equal(weight(vqzoo.load("only-live")), weight(make(1)))
    assert torch.equal(weight(vqzoo.load("pinned")), weight(make(0))), "at the commit that was shipped"
    with hub.down():
        vqzoo.load("pinned")
        vqzoo.load("only-live")


FILTERS = {
    "quantizer": ({"quantizer": "looc"}, ["b"]),
    "data set": ({"dataset": "uoft-cs/cifar10"}, ["a", LOCAL]),
    "bits": ({"max_bits": 256}, ["a", LOCAL]),
    "fewer bits": ({"max_bits": 255}, []),
    "megabytes": ({"max_megabytes": 1}, ["a", LOCAL]),
    "author": ({"author": "zoo"}, ["a", "b"]),
    "several": ({"author": "zoo", "max_bits": 300}, ["a"]),
}


@pytest.mark.parametrize("case", FILTERS)
def test_filters_over_all_sources(hub, publish, shipped, case):
    publish("zoo/a")
    hub.put("zoo/b", {"README.md": CARD})
    settings, expected = FILTERS[case]
    assert [model.name for model in list_models(live=True, **settings)] == expected


def test_the_snapshot_takes_what_the_files_say_and_names_what_it_leaves_out(hub, publish, monkeypatch, capsys, shipped):
    sha = publish("zoo/good")
    publish("other/good")
    hub.put("zoo/bad", {"README.md": CARD})
    monkeypatch.setattr("sys.argv", ["snapshot", "zoo", "--output", str(registry.SNAPSHOT)])
    with pytest.raises(SystemExit) as done:
        snapshot.main()
    assert done.value.code == 1 and "left out: zoo/bad: there is no config.json" in capsys.readouterr().err
    (model,) = registry.shipped_models()
    assert (model.name, model.repo_id, model.revision, model.origin) == ("good", "zoo/good", sha, "snapshot")
    assert model.config == make().config and model.metrics == record("good")
    assert model.size == len(hub.repos["zoo/good"].files["model.safetensors"])


def test_without_the_hub_there_is_no_snapshot(hub, monkeypatch, shipped):
    before = registry.SNAPSHOT.read_text()
    monkeypatch.setattr("sys.argv", ["snapshot", "zoo", "--output", str(registry.SNAPSHOT)])
    with hub.down(), pytest.raises(SystemExit, match="nothing was written"):
        snapshot.main()
    assert registry.SNAPSHOT.read_text() == before


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"revision": "main"}, "lacks its name, repo_id, revision"),
        ({"name": "<b>"}, "lacks its name"),
        ({"repo_id": "../x"}, "lacks its name, repo_id"),
        ({"size": 1.5}, "revision or size"),
        ({"metrics": None}, "lacks its config or metrics"),
    ],
)
def test_a_damaged_snapshot_is_named(hub, publish, shipped, edit, message):
    publish("zoo/good")
    (model,) = snapshot.take(["zoo"], listing())[0]
    shipped({**snapshot.to_entry(model), **edit})
    with pytest.raises(ValueError, match=message):
        registry.shipped_models()


def test_the_thread_ends_with_its_answer(hub, publish):
    publish("zoo/a")
    listing()
    assert not [thread for thread in threading.enumerate() if thread.name == "vqzoo-live"]
