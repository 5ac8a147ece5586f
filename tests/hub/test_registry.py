"""Names, folders and Hub ids: which is which, and what an unknown one is answered with."""

import socket
from types import SimpleNamespace

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

import vqzoo
from vqzoo import tokenizer as waist
from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.hub.registry import CARDS_VARIABLE, cards_folder, usage_counts
from vqzoo.quantizers import build
from vqzoo.storage import write_json
from vqzoo.tokenizer import Tokenizer

NAMES = ["cifar10-looc-256x4", "cifar10-vq-1024x128"]


def make() -> Tokenizer:
    autoencoder = build_autoencoder("conv", latent_dim=8, width=4, residual_width=2, residual_blocks=0)
    return Tokenizer(autoencoder, build("vq", dim=8, codebook_size=16), build_position("none", dim=8), 32)


@pytest.fixture
def cards(tmp_path, monkeypatch):
    """A folder of two tokenizers in place of model_cards/, and a third one that has no metrics yet."""
    folder = tmp_path / "cards"
    for name in [*NAMES, "unmeasured"]:
        (folder / name).mkdir(parents=True)
        make().save(folder / name)
    for number, name in enumerate(NAMES):
        write_json(folder / name / "metrics.json", {"name": name, "metrics": {"psnr": 20.0 + number}})
    monkeypatch.setenv(CARDS_VARIABLE, str(folder))
    return folder


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A Hub with one repository; every question that it is asked is kept."""
    repository = tmp_path / "snapshot"
    repository.mkdir()
    make().save(repository)
    asked = []

    def snapshot_download(repo_id, **settings):
        asked.append((repo_id, settings))
        return str(repository)

    monkeypatch.setattr(waist, "snapshot_download", snapshot_download)
    return asked


@pytest.fixture
def no_hub(monkeypatch):
    def snapshot_download(repo_id, **settings):
        raise AssertionError(f"asked the Hub for {repo_id}")

    monkeypatch.setattr(waist, "snapshot_download", snapshot_download)


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
    assert second.metrics == {"name": NAMES[1], "metrics": {"psnr": 21.0}}


def test_a_damaged_folder_is_named(cards):
    (cards / NAMES[1] / "metrics.json").write_text("{")
    with pytest.raises(ValueError, match=f"metrics.json of {NAMES[1]} is not valid JSON"):
        vqzoo.list_models()


def test_without_the_variable_the_cards_are_the_checkouts(monkeypatch):
    monkeypatch.delenv(CARDS_VARIABLE, raising=False)
    assert cards_folder().name == "model_cards" and (cards_folder().parent / "pyproject.toml").is_file()


@pytest.mark.parametrize("name", ["cifar10-look-256x4", "cifar-looc-256", "cifar10-looc-256x4@main"])
def test_an_unknown_name_is_answered_with_the_nearest(cards, no_hub, name):
    with pytest.raises(ValueError, match=rf"model='{name}': did you mean 'cifar10-looc-256x4'"):
        vqzoo.load(name)


@pytest.mark.parametrize("name", ["a/b/c", "./absent", "../absent/x", "/absent/x", "nothing like it"])
def test_what_cannot_be_a_hub_id_does_not_ask_the_hub(cards, no_hub, name):
    with pytest.raises(ValueError, match=rf"model='{name}'.*known: cifar10-looc-256x4, cifar10-vq-1024x128"):
        vqzoo.load(name)


@pytest.mark.parametrize(
    ("source", "revision"), [("owner/name", None), ("owner/name@v2", "v2"), ("owner/name@refs/pr/1", "refs/pr/1")]
)
def test_a_hub_id_asks_for_two_files_of_one_revision(cards, hub, source, revision):
    tokenizer = vqzoo.load(source)
    assert tokenizer.config == make().config and not tokenizer.training
    assert hub == [
        (
            "owner/name",
            {
                "revision": revision,
                "allow_patterns": ["config.json", "model.safetensors"],
                "local_files_only": False,
            },
        )
    ]


def test_revision_and_cache_only_can_be_asked_for_directly(hub):
    Tokenizer.from_pretrained("owner/name", revision="abc", local_files_only=True)
    ((_, settings),) = hub
    assert settings["revision"] == "abc" and settings["local_files_only"] is True


def test_a_local_folder_does_not_ask_the_hub(no_hub, tmp_path):
    make().save_pretrained(tmp_path)
    Tokenizer.from_pretrained(tmp_path, revision="v2")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (LocalEntryNotFoundError("offline"), "is no folder and not in the local cache, and the Hub cannot be reached"),
        (HFValidationError("bad id"), r"is neither a folder nor a Hub repository \('owner/name'\)"),
        (HfHubHTTPError("401", response=SimpleNamespace(headers={}, request=None)), "could not be loaded from the Hub"),
    ],
)
def test_a_hub_that_does_not_give_is_a_value_error(cards, monkeypatch, error, message):
    def snapshot_download(repo_id, **settings):
        raise error

    monkeypatch.setattr(waist, "snapshot_download", snapshot_download)
    with pytest.raises(ValueError, match=f"'owner/name' {message}"):
        vqzoo.load("owner/name")


def test_offline_is_a_value_error_and_no_connection_is_tried(cards, monkeypatch):
    """The client itself, in the state that HF_HUB_OFFLINE=1 puts it into."""

    def refuse(*arguments, **settings):
        raise AssertionError(f"asked the network for {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="is no folder and not in the local cache"):
        vqzoo.load("owner/a-repository-that-is-not-cached")
    with pytest.raises(ValueError, match="is neither a folder nor a Hub repository"):
        vqzoo.load("owner/not a repository")


def test_usage_counts_are_those_of_the_file(cards):
    write_json(cards / NAMES[0] / "usage.json", {"split": "test", "counts": [[1, 2], [3, 4]]})
    assert usage_counts(vqzoo.list_models()[0]) == [[1, 2], [3, 4]]
