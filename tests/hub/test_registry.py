"""Names, folders and Hub ids: which is which, and what an unknown one is answered with."""

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

import vqzoo
from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.files import download
from vqzoo.files.storage import write_json
from vqzoo.hub import registry
from vqzoo.hub.registry import CARDS_VARIABLE, cards_folder, local_models, shipped_models, usage_counts
from vqzoo.hub.usage_file import packed, unpacked
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer

NAMES = ["cifar10-looc-256x4", "cifar10-vq-1024x128"]


def make() -> Tokenizer:
    autoencoder = build_autoencoder("conv", latent_dim=8, width=4, residual_width=2, residual_blocks=0)
    return Tokenizer(autoencoder, build("vq", dim=8, codebook_size=16), build_position("none", dim=8), 32)


def record(name: str, bits: float = 100.0, dataset: str = "cifar10") -> dict:
    training = {"images": 1, "full_budget_images": 4, "recipe": {}}
    return {"name": name, "dataset": dataset, "training": training, "metrics": {"bits_per_image": bits, "psnr": 20.5}}


@pytest.fixture
def cards(tmp_path, monkeypatch):
    """A folder of two tokenizers in place of model_cards/, and a third one that has no metrics yet."""
    folder = tmp_path / "cards"
    for name in [*NAMES, "unmeasured"]:
        (folder / name).mkdir(parents=True)
        make().save(folder / name)
    for number, name in enumerate(NAMES):
        write_json(folder / name / "metrics.json", record(name, 100.0 + number))
    monkeypatch.setenv(CARDS_VARIABLE, str(folder))
    return folder


@pytest.fixture
def no_hub(monkeypatch, tmp_path):
    """Any question to the Hub fails the test; nothing that it ever said is on disk."""

    def ask(*arguments, **settings):
        raise AssertionError(f"asked the Hub for {arguments}")

    monkeypatch.setattr(download, "Repository", ask)
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "hf_home"))


def test_a_name_is_looked_up_in_the_cards(cards, no_hub):
    tokenizer = vqzoo.load(NAMES[0])
    assert isinstance(tokenizer, vqzoo.Tokenizer) and not tokenizer.training
    assert tokenizer(torch.rand(1, 3, 8, 8)).images.shape == (1, 3, 8, 8)


def test_a_folder_is_loaded_as_a_path_or_as_text(cards, no_hub, tmp_path, monkeypatch):
    make().save_pretrained(tmp_path / "mine")
    assert vqzoo.load(tmp_path / "mine").config == vqzoo.load(str(tmp_path / "mine")).config
    monkeypatch.chdir(tmp_path)
    assert vqzoo.load("./mine").config == vqzoo.load("mine").config == make().config


def test_without_metrics_it_can_be_loaded_and_is_not_listed(cards, no_hub):
    vqzoo.load("unmeasured")
    assert [model.name for model in vqzoo.list_models()] == NAMES


def test_the_list_holds_what_the_files_say(cards):
    first, second = vqzoo.list_models()
    assert first.source == cards / NAMES[0] and first.config == make().config
    assert (
        second.metrics == record(NAMES[1], 101.0)
        and second.size == (second.source / "model.safetensors").stat().st_size
    )
    assert (second.origin, second.repo_id, second.revision) == ("local", None, None)


def test_a_damaged_folder_is_named(cards):
    (cards / NAMES[1] / "metrics.json").write_text("{")
    with pytest.warns(UserWarning, match=f"left out: metrics.json of {NAMES[1]} is not valid JSON"):
        assert [model.name for model in vqzoo.list_models()] == [NAMES[0]]


def test_without_the_variable_the_cards_are_the_checkouts(monkeypatch):
    monkeypatch.delenv(CARDS_VARIABLE, raising=False)
    assert cards_folder().name == "model_cards" and (cards_folder().parent / "pyproject.toml").is_file()


@pytest.mark.parametrize("name", ["cifar10-look-256x4", "cifar-looc-256", "cifar10-looc-256x4@main"])
def test_an_unknown_name_is_answered_with_the_nearest(cards, no_hub, name):
    with pytest.raises(ValueError, match=rf"model='{name}': did you mean 'cifar10-looc-256x4'"):
        vqzoo.load(name)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_a_tokenizer_is_loaded_in_a_type_and_on_a_device(cards, no_hub, dtype):
    tokenizer = vqzoo.load("cifar10-looc-256x4", device="cpu", dtype=dtype)
    assert (tokenizer.dtype, tokenizer.device, tokenizer.training) == (dtype, torch.device("cpu"), False)
    images = torch.rand(1, 3, 32, 32) * 2 - 1
    tokens = tokenizer.encode(images)
    assert torch.equal(tokenizer.decode(tokens), tokenizer(images).images)
    plain = vqzoo.load("cifar10-looc-256x4")
    assert (plain.dtype, plain.device) == (torch.float32, torch.device("cpu"))
    for one, other in zip(tokenizer.quantizer.parameters(), plain.quantizer.parameters(), strict=True):
        assert torch.equal(one, other), "codebooks stay as they are"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dtype": "bfloat16"}, "dtype='bfloat16': expected one of torch.float32"),
        ({"dtype": torch.int8}, "dtype=torch.int8: expected one of torch.float32"),
        ({"device": "gpu"}, "device='gpu': torch cannot use it here"),
    ],
)
def test_a_type_or_device_that_is_none_is_told(cards, no_hub, settings, message):
    with pytest.raises(ValueError, match=message):
        vqzoo.load("cifar10-looc-256x4", **settings)


def test_a_machine_without_models_says_where_to_get_them(no_hub, monkeypatch, tmp_path):
    monkeypatch.setenv(CARDS_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(
        ValueError, match=rf"model='x': there is no folder of models at {tmp_path}/absent: set \$VQZOO_C"
    ):
        vqzoo.load("x")


@pytest.mark.parametrize("source", ["./absent", "../absent/x", "./absent/x", "/absent/x", "~/absent", "~"])
def test_a_path_that_is_not_there_is_no_hub_id(cards, no_hub, source):
    with pytest.raises(ValueError, match=rf"model='{source}': there is no such folder; expected one with config.json"):
        vqzoo.load(source)


@pytest.mark.parametrize("name", ["a/b/c", "nothing like it"])
def test_what_cannot_be_a_hub_id_does_not_ask_the_hub(cards, no_hub, name):
    with pytest.raises(ValueError, match=rf"model='{name}'.*known: cifar10-looc-256x4, cifar10-vq-1024x128"):
        vqzoo.load(name)


def test_a_local_folder_does_not_ask_the_hub(no_hub, tmp_path):
    make().save_pretrained(tmp_path)
    Tokenizer.from_pretrained(tmp_path, revision="v2")


FILTERS = {
    "all": ({}, [0, 1]),
    "quantizer": ({"quantizer": "vq"}, [0, 1]),
    "no quantizer": ({"quantizer": "looc"}, []),
    "data set": ({"dataset": "cifar10"}, [0, 1]),
    "no data set": ({"dataset": "cifar"}, []),
    "bits": ({"max_bits": 100}, [0]),
    "megabytes": ({"max_megabytes": 1}, [0, 1]),
    "few megabytes": ({"max_megabytes": 1e-4}, []),
    "author": ({"author": "owner"}, []),
}


@pytest.mark.parametrize("case", FILTERS)
def test_filters(cards, case):
    settings, expected = FILTERS[case]
    assert [model.name for model in vqzoo.list_models(**settings)] == [NAMES[number] for number in expected]


DAMAGED = {
    "a file cut short": lambda folder: (folder / "metrics.json").write_text("{"),
    "no configuration": lambda folder: (folder / "config.json").unlink(),
    "no metrics in it": lambda folder: write_json(folder / "metrics.json", record(NAMES[1]) | {"metrics": {}}),
    "a text for a number": lambda folder: write_json(folder / "metrics.json", record(NAMES[1], "12")),
    "no training": lambda folder: write_json(folder / "metrics.json", record(NAMES[1]) | {"training": None}),
    "no data set": lambda folder: write_json(folder / "metrics.json", record(NAMES[1]) | {"dataset": 5}),
    "no quantizer": lambda folder: write_json(folder / "config.json", make().config | {"quantizer": []}),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_folder_does_not_hide_the_others(cards, case):
    DAMAGED[case](cards / NAMES[1])
    models, damaged = local_models()
    assert [model.name for model in models] == [NAMES[0]]
    assert [each.name for each in damaged] == [NAMES[1]] and NAMES[1] in damaged[0].why


def test_models_that_are_listed_can_be_loaded(cards, no_hub):
    assert vqzoo.load(vqzoo.list_models()[0]).config == make().config


def test_the_shipped_snapshot_is_whole():
    """Whatever is in it; of a name there is one, and all can be written again as they are."""
    models = shipped_models()
    assert len({model.name for model in models}) == len(models)
    assert [registry.from_entry(entry) for entry in json.loads(registry.SNAPSHOT.read_text())["models"]] == models


def test_the_snapshot_is_shipped():
    pyproject = (Path(registry.__file__).parents[2] / "pyproject.toml").read_text()
    assert registry.SNAPSHOT.is_file() and f'"hub/{registry.SNAPSHOT.name}"' in pyproject


def test_usage_counts_are_those_of_the_file(cards):
    write_json(cards / NAMES[0] / "usage.json", {"split": "test", "counts": [[1, 2], [3, 4]]})
    assert usage_counts(vqzoo.list_models()[0]) == [[1, 2], [3, 4]]


SPARSE = {"size": 9, "at": [0, 2], "counts": [7, 1]}


def test_a_column_of_zeros_takes_little_room(cards):
    counts = [7, 0, 1, *[0] * 6]
    assert packed(counts) == SPARSE and unpacked(SPARSE) == unpacked(counts) == counts
    assert packed([1, 0, 2, 0]) == [1, 0, 2, 0], "the shorter way"
    assert unpacked(packed([0] * 5)) == [0] * 5
    write_json(cards / NAMES[0] / "usage.json", {"split": "test", "counts": [SPARSE, [3, 4]]})
    assert usage_counts(vqzoo.list_models()[0]) == [counts, [3, 4]]


@pytest.mark.parametrize(
    "counts",
    [
        5,
        [5],
        [["a"]],
        [[-1]],
        [[True]],
        [[2**80]],
        {},
        [SPARSE | {"size": 2}],
        [SPARSE | {"at": [2, 0]}],
        [SPARSE | {"counts": [1]}],
        [SPARSE | {"size": 2**40}],
    ],
)
def test_usage_counts_that_are_no_counts_are_refused(cards, counts):
    write_json(cards / NAMES[0] / "usage.json", {"counts": counts})
    with pytest.raises(ValueError, match=f"usage.json of {NAMES[0]}: counts has to be what was counted"):
        usage_counts(vqzoo.list_models()[0])
