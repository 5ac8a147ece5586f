"""Loading from the Hub: one commit, nothing that is not needed or too large, and what happens when it is away."""

import json
import os
import struct

import pytest
import torch
from huggingface_hub import constants, file_download

import vqzoo
from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.files import download
from vqzoo.files.download import Repository
from vqzoo.hub.registry import usage_counts
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer

ID = "zoo/cifar10-vq-16x8"
WEIGHTS = "*/model.safetensors"


def make(seed: int = 0, width: int = 4) -> Tokenizer:
    torch.manual_seed(seed)
    autoencoder = build_autoencoder("conv", latent_dim=8, width=width, residual_width=2, residual_blocks=0)
    return Tokenizer(autoencoder, build("vq", dim=8, codebook_size=16), build_position("none", dim=8), 32)


@pytest.fixture
def files(tmp_path):
    """The two files of a tokenizer of a seed."""

    def of(seed: int = 0, width: int = 4) -> dict[str, bytes]:
        folder = tmp_path / f"seed{seed}"
        folder.mkdir(exist_ok=True)
        make(seed, width).save(folder)
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    return of


def first(tokenizer: Tokenizer) -> torch.Tensor:
    return tokenizer.state_dict()["autoencoder.encoder.0.weight"]


def test_a_commit_a_tag_and_the_head_are_each_their_own(hub, files):
    shas = [hub.put(ID, files(seed)) for seed in (1, 2)]
    hub.repos[ID].tags["v1"] = shas[0]
    for source, seed in ((ID, 2), (f"{ID}@v1", 1), (f"{ID}@{shas[0]}", 1), (f"{ID}@main", 2)):
        assert torch.equal(first(vqzoo.load(source)), first(make(seed))), source
    assert not vqzoo.load(ID).training


def test_only_two_files_are_fetched_whatever_else_is_there(hub, files):
    hub.put(ID, files() | {"evil.py": b"boom", "pytorch_model.bin": b"x", "README.md": b"hello", "metrics.json": b"{}"})
    vqzoo.load(ID)
    fetched = {path.rsplit("/", 1)[1] for path in hub.asked("GET", "*/resolve/*")}
    assert fetched == {"config.json", "model.safetensors"}


def test_a_push_between_two_downloads_is_not_mixed_in(hub, files, monkeypatch):
    hub.put(ID, files(1))
    real = download.hf_hub_download

    def push_after(*arguments, **settings):
        path = real(*arguments, **settings)
        hub.put(ID, files(2))
        return path

    monkeypatch.setattr(download, "hf_hub_download", push_after)
    assert torch.equal(first(vqzoo.load(ID)), first(make(1)))


def test_what_is_cached_costs_one_request_and_with_a_commit_none(hub, files):
    sha = hub.put(ID, files())
    vqzoo.load(ID)
    hub.requests.clear()
    vqzoo.load(ID)
    assert len(hub.requests) == 1
    hub.requests.clear()
    vqzoo.load(f"{ID}@{sha}")
    assert hub.requests == []


def test_with_the_hub_away_what_is_cached_is_loaded_and_the_rest_is_a_sentence(hub, files, monkeypatch):
    hub.put(ID, files())
    hub.put("zoo/other", files())
    with pytest.raises(ValueError, match="not in the local cache, and the Hub cannot be reached"):
        Tokenizer.from_pretrained(ID, local_files_only=True)
    vqzoo.load(ID)
    with hub.down():
        vqzoo.load(ID)
        with pytest.raises(ValueError, match="'zoo/other' is no folder and not in the local cache, and the Hub cannot"):
            vqzoo.load("zoo/other")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.requests.clear()
    vqzoo.load(ID)
    Tokenizer.from_pretrained(ID, local_files_only=True)
    with pytest.raises(ValueError, match="the Hub cannot be reached"):
        vqzoo.load("zoo/other")
    assert hub.requests == []


def test_a_cached_configuration_without_its_weights_is_a_sentence_when_the_hub_is_away(hub, files):
    hub.put(ID, files())
    Repository(ID).path("config.json")
    with hub.down(), pytest.raises(ValueError, match="the Hub cannot be reached"):
        vqzoo.load(ID)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("zoo/absent", "'zoo/absent' is not on the Hub; a private one needs `hf auth login`"),
        ("zoo/gated", "'zoo/gated' is gated"),
        (f"{ID}@v9", f"'{ID}' has no such revision"),
        (f"{ID}@{'0' * 40}", f"'{ID}' has no such revision"),
        ("zoo/not a name", r"is neither a folder nor a Hub repository \('owner/name'\)"),
        (
            "zoo/pickled",
            "zoo/pickled: there is no model.safetensors; pytorch_model.bin is a pickle, which could run code",
        ),
        ("zoo/empty", "zoo/empty: there is no config.json"),
    ],
)
def test_what_the_hub_does_not_have_is_one_sentence(hub, files, source, message):
    hub.put(ID, files())
    hub.put("zoo/gated", files(), gated=True)
    hub.put("zoo/pickled", {"config.json": files()["config.json"], "pytorch_model.bin": b"x"})
    hub.put("zoo/empty", {"a.txt": b""})
    with pytest.raises(ValueError, match=message):
        vqzoo.load(source)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_hub_out_of_order_is_one_sentence(hub, files, status):
    hub.put(ID, files())
    hub.fail(1000, status)
    with pytest.raises(ValueError, match=f"'{ID}' .*(cannot be reached|could not be loaded)"):
        vqzoo.load(ID)


def test_too_large_files_are_refused_before_they_are_fetched(hub, files, monkeypatch):
    hub.put(ID, files() | {"config.json": b" " * (2**20 + 1)})
    with pytest.raises(ValueError, match=f"config.json of {ID} has 1,048,577 bytes; at most 1,048,576 bytes are read"):
        vqzoo.load(ID)
    hub.put(ID, files())
    monkeypatch.setattr(download, "WEIGHTS_LIMIT", 1000)
    with pytest.raises(ValueError, match=f"model.safetensors of {ID} has [0-9,]+ bytes; at most 1,000 bytes are read"):
        vqzoo.load(ID)
    assert hub.asked("GET", WEIGHTS) == []


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_weights_that_do_not_fit_are_not_fetched(hub, files, tmp_path, ranges, monkeypatch):
    """A header says so; a server that knows no ranges and sends all is left in the middle."""
    config = json.loads(files()["config.json"])
    config["autoencoder"]["width"] = 8
    weights = files()["model.safetensors"]
    length = struct.unpack("<Q", weights[:8])[0]
    header = json.loads(weights[8 : 8 + length])
    end = max(entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__")
    header["extra"] = {"dtype": "U8", "shape": [2**24], "data_offsets": [end, end + 2**24]}
    text = json.dumps(header).encode()
    whole = struct.pack("<Q", len(text)) + text + weights[8 + length :] + bytes(2**24)
    hub.put(ID, {"config.json": json.dumps(config).encode(), "model.safetensors": whole})
    if not ranges:
        monkeypatch.setattr(download, "build_hf_headers", lambda: {"X-Nothing": "x"})
        real = download.get_session
        monkeypatch.setattr(download, "get_session", lambda: NoRange(real()))
    with pytest.raises(ValueError, match="tensor 'extra' is unknown to the configuration"):
        vqzoo.load(ID)
    assert hub.asked("HEAD", WEIGHTS) == [] and len(hub.asked("GET", WEIGHTS)) == 1
    stored = [path for path, _, names in os.walk(constants.HF_HUB_CACHE) for name in names]
    sizes = [
        os.path.getsize(os.path.join(path, name))
        for path, _, names in os.walk(constants.HF_HUB_CACHE)
        for name in names
    ]
    assert stored and max(sizes) < 2**20


class NoRange:
    """A session whose requests lose their range on the way."""

    def __init__(self, session):
        self.session = session

    def stream(self, method, url, headers, **settings):
        return self.session.stream(method, url, headers={k: v for k, v in headers.items() if k != "Range"}, **settings)


def test_a_header_longer_than_the_first_request_is_fetched_whole(hub, files, monkeypatch):
    monkeypatch.setattr(download, "_FIRST_BYTES", 64)
    hub.put(ID, files())
    assert Repository(ID).header("model.safetensors").keys() == make().state_dict().keys()
    assert len(hub.asked("GET", WEIGHTS)) == 2


def test_a_download_that_is_cut_goes_on_where_it_stopped(hub, files, monkeypatch):
    """Half of the bytes come, the connection is closed: the client asks for the rest, and the file is whole.

    It keeps whole pieces, of ten million bytes by default.
    """
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    hub.put(ID, files(0, 64))
    ranges = []
    real = file_download.http_stream_backoff

    def seen(method, url, **settings):
        ranges.append(settings["headers"].get("Range"))
        return real(method, url, **settings)

    monkeypatch.setattr(file_download, "http_stream_backoff", seen)
    whole = files(0, 64)["model.safetensors"]
    repository = Repository(ID)
    hub.cut(1, WEIGHTS)
    assert repository.path("model.safetensors", 2**30).read_bytes() == whole
    assert ranges == [None, f"bytes={len(whole) // 2 // 1000 * 1000}-"]


def test_a_header_that_is_cut_or_refused_is_read_from_the_download(hub, files):
    hub.put(ID, files())
    hub.cut(1, WEIGHTS)
    assert torch.equal(first(vqzoo.load(ID)), first(make()))
    hub.put("zoo/other", files())
    repository = Repository("zoo/other")
    repository.size("model.safetensors", 2**30)
    hub.fail(1, 503, WEIGHTS)
    assert repository.header("model.safetensors").keys() == make().state_dict().keys()


def test_a_symbolic_link_in_the_cache_is_none_out_of_a_folder(hub, files):
    """What the client's cache lays out as links can be loaded as a folder, too."""
    hub.put(ID, files())
    vqzoo.load(ID)
    snapshot = Repository(ID).path("config.json").parent
    assert (snapshot / "config.json").is_symlink() and vqzoo.load(snapshot).config == make().config


def test_usage_of_a_published_model_is_its_file(hub, files):
    sha = hub.put(ID, files() | {"usage.json": b'{"counts": [[1, 2]]}'})
    model = vqzoo.Model("x", None, {}, {"training": {}}, "hub", ID, sha)
    assert usage_counts(model) == [[1, 2]]
    assert torch.equal(first(vqzoo.load(model)), first(make()))
