"""Loading from the Hub double with the real client: caches, revisions, faults, other processes, and who is asked."""

import socket
import time
from fnmatch import fnmatch

import pytest
import torch
from huggingface_hub import CommitOperationAdd, HfApi, constants, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError
from safetensors.torch import load_file, save_file

import vqzoo
from vqzoo.files.storage import CONFIG, WEIGHTS
from vqzoo.hub.publish import publish

from .conftest import tiny
from .double import STRANGER, git_oid, sha256

ID = "owner/toy-vq-16x8"
IMAGES = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1


def restored(source: str, **settings) -> torch.Tensor:
    return vqzoo.Tokenizer.from_pretrained(source, **settings)(IMAGES).images


@pytest.fixture
def model(hub, make_card):
    """The reconstructions of a model that was just published; nothing of it is in the cache."""
    folder = make_card()
    publish(folder)
    hub.requests.clear()
    return restored(str(folder))


# The double is a Hub: what its own answers have to be for the rest to mean anything.


def test_the_double_names_files_as_the_hub_does(hub):
    data = {"a.txt": b"hello\n", WEIGHTS: b"weights" * 40}
    hub.put("owner/x", data)
    files = {file.path: file for file in HfApi().list_repo_tree("owner/x")}
    # `printf 'hello\n' | git hash-object --stdin`
    assert files["a.txt"].blob_id == git_oid(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert files["a.txt"].lfs is None and files[WEIGHTS].lfs.sha256 == sha256(data[WEIGHTS])
    (actual,) = HfApi().get_paths_info("owner/x", [WEIGHTS, "absent"])
    assert actual.lfs.size == 280 and HfApi().model_info("owner/x").sha == hub.repos["owner/x"].head.sha


def test_a_listing_comes_in_pages(hub):
    for number in range(7):
        hub.put(f"owner/m{number}", {"README.md": b"---\ntags: [vqzoo]\n---\n"})
    hub.put("owner/other", {"README.md": b"---\ntags: [else]\n---\n"})
    hub.put("owner/hidden", {"README.md": b"---\ntags: [vqzoo]\n---\n"}, private=True)
    hub.page_size = 3
    actual = [model.id for model in HfApi().list_models(filter="vqzoo", author="owner", expand=["sha"])]
    assert actual == ["owner/hidden", *(f"owner/m{number}" for number in range(7))]
    assert hub.asked("GET") == ["/api/models"] * 3
    seen = [model.id for model in HfApi(token=STRANGER).list_models(filter="vqzoo")]
    assert seen == [f"owner/m{number}" for number in range(7)], "a private one is nobody else's"


def test_what_is_not_there_is_an_error_of_the_client(hub):
    hub.put("owner/x", {CONFIG: b"{}"})
    for error, path in ((EntryNotFoundError, ("owner/x", WEIGHTS)), (RepositoryNotFoundError, ("owner/y", CONFIG))):
        with pytest.raises(error):
            hf_hub_download(*path)
    with pytest.raises(RevisionNotFoundError):
        hf_hub_download("owner/x", CONFIG, revision="v9")


def test_bytes_that_were_not_sent_cannot_be_committed(hub):
    hub.put("owner/x", {})
    operation = CommitOperationAdd(WEIGHTS, b"right")
    operation.upload_info.sha256 = bytes(32)
    with pytest.raises(RuntimeError):
        HfApi().create_commit("owner/x", [operation], commit_message="wrong hash")
    assert hub.repos["owner/x"].files == {}


# Caches and revisions.


def test_a_cold_cache_fetches_two_files_and_a_warm_one_none(hub, model):
    assert torch.equal(restored(ID), model)
    fetched = {path.rsplit("/", 1)[1] for path in hub.asked("GET", "*/resolve/*")}
    assert fetched == {CONFIG, WEIGHTS}
    hub.requests.clear()
    assert torch.equal(restored(ID), model)
    assert hub.asked("GET", "*/resolve/*") == [], "all of it is here"


def test_a_pinned_commit_that_is_cached_asks_nothing(hub, model, make_card):
    first = hub.repos[ID].head.sha
    restored(ID)
    publish(make_card(seed=1))
    hub.requests.clear()
    assert torch.equal(vqzoo.load(f"{ID}@{first}")(IMAGES).images, model) and hub.requests == []
    assert not torch.equal(restored(ID), model), "the head is another"


def test_a_tag_stays_where_it_was_put(hub, model, make_card):
    publish(make_card(), tag="v1")
    publish(make_card(seed=1))
    assert torch.equal(vqzoo.load(f"{ID}@v1")(IMAGES).images, model)


def test_a_commit_between_two_files_is_not_seen(hub, make_card, model):
    """Config and weights are of one commit, whatever is pushed while they are fetched."""
    take = hub.application
    other = {path.name: path.read_bytes() for path in make_card(seed=1).iterdir()}

    async def push_first(scope, receive, send):
        if fnmatch(scope["path"], f"*/resolve/*/{WEIGHTS}") and scope["method"] == "GET":
            hub.put(ID, other)
        await take(scope, receive, send)

    hub.application = push_first
    assert torch.equal(restored(ID), model) and hub.repos[ID].files == other


# Faults.


def test_offline_what_is_cached_loads_and_asks_nobody(hub, model, monkeypatch):
    restored(ID)
    hub.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert torch.equal(restored(ID), model)
    assert torch.equal(restored(ID, local_files_only=True), model)
    with pytest.raises(ValueError, match="'owner/absent' is no folder and not in the local cache, and the Hub cannot"):
        restored("owner/absent")
    assert hub.requests == []


def test_without_a_network_what_is_cached_loads(hub, model):
    restored(ID)
    with hub.down():
        assert torch.equal(restored(ID), model)
        with pytest.raises(ValueError, match="'owner/absent' is no folder and not in the local cache, and the Hub"):
            restored("owner/absent")


@pytest.mark.parametrize("file", [CONFIG, WEIGHTS])
def test_a_connection_that_is_lost_once_is_taken_up_again(hub, model, file):
    hub.cut(1, f"*/resolve/*/{file}")
    assert torch.equal(restored(ID), model) and not hub.faulty


@pytest.mark.parametrize("file", [CONFIG, WEIGHTS])
def test_a_connection_that_is_always_lost_leaves_nothing_half_loaded(hub, model, file):
    hub.cut(1000, f"*/resolve/*/{file}")
    with pytest.raises(ValueError, match=f"'?{ID}'? "):
        restored(ID)
    hub.mend()
    assert torch.equal(restored(ID), model)


@pytest.mark.parametrize("question", ["/api/models/*", f"*/resolve/*/{CONFIG}", f"*/resolve/*/{WEIGHTS}"])
def test_a_hub_out_of_order_is_said_and_the_next_try_works(hub, model, question):
    hub.fail(1000, 503, question)
    with pytest.raises(ValueError, match=f"'?{ID}'? .*Hub"):
        restored(ID)
    hub.mend()
    assert torch.equal(restored(ID), model)
    hub.fail(1000, 503, "*")
    assert torch.equal(restored(ID), model), "what is cached does not need it"


@pytest.mark.parametrize("file", [CONFIG, WEIGHTS])
def test_a_single_failure_of_a_file_is_not_seen(hub, model, file):
    hub.fail(1, 503, f"*/resolve/*/{file}")
    assert torch.equal(restored(ID), model) and not hub.faulty


def test_a_slow_hub_is_waited_for(hub, model):
    hub.delay = 0.2
    assert torch.equal(restored(ID), model)


def test_a_private_model_needs_its_owner(hub, make_card, monkeypatch):
    publish(make_card(), private=True)
    restored(ID)
    monkeypatch.setenv("HF_TOKEN", STRANGER)
    with pytest.raises(ValueError, match=f"'{ID}'.* on the Hub"):
        restored(ID, revision="main")


# Other processes, other hosts.

PROGRAM = """
import sys, vqzoo
from safetensors.torch import load_file, save_file
images = load_file(sys.argv[2])["images"]
save_file({"images": vqzoo.load(sys.argv[1])(images).images.contiguous()}, sys.argv[3])
"""


def test_another_process_restores_the_same_images_bit_for_bit(hub, model, run_python, tmp_path):
    save_file({"images": IMAGES}, tmp_path / "in")
    done = run_python(PROGRAM, ID, str(tmp_path / "in"), str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert torch.equal(load_file(tmp_path / "out")["images"], model)
    assert hub.asked("GET", f"*/resolve/*/{WEIGHTS}"), "its cache was empty"


def test_no_other_host_can_be_asked_from_here_or_from_there(hub, run_python):
    """What every test here stands on: the guards themselves hold."""
    with socket.socket() as probe, pytest.raises(AssertionError, match="connected to"):
        probe.connect(("192.0.2.1", 443))  # an address that is nobody's
    done = run_python("import urllib.request as r; r.urlopen('https://example.invalid')")
    assert done.returncode != 0 and "looked up example.invalid" in done.stderr
    done = run_python("import socket; socket.socket().connect(('192.0.2.1', 443))")
    assert done.returncode != 0 and "connected to ('192.0.2.1', 443)" in done.stderr


def test_the_server_comes_back_where_it_was(hub):
    endpoint, start = hub.endpoint, time.monotonic()
    with hub.down(), pytest.raises(ConnectionRefusedError), socket.socket() as probe:
        probe.connect(("127.0.0.1", hub.port))
    assert hub.endpoint == endpoint and HfApi().whoami()["name"] == "owner"
    assert time.monotonic() - start < 10


def test_a_tokenizer_of_the_tests_is_small():
    assert tiny().bits(tiny().encode(IMAGES)).tolist() == [16.0, 16.0]
