"""The Hub double, with this process's client pointed at it and at nothing else.

huggingface_hub reads its environment once, when it is first imported, which other tests have done long before. So
inside this process its constants are patched, and put back after each test; a test that starts another process gives it
`hub_env`, which says the same in variables.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from huggingface_hub import constants, file_download, hf_api
from huggingface_hub.utils import _http

from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.files.remote import CARD
from vqzoo.files.storage import write_json
from vqzoo.hub.card import METRICS, USAGE, model_card
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer

from .double import OWNER, Hub

_GUARD = """
import socket, sys
connect = socket.socket.connect
def local(self, address):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "localhost", "::1"):
        raise AssertionError(f"connected to {address}")
    return connect(self, address)
socket.socket.connect = local
look_up = socket.getaddrinfo
def known(host, *more, **settings):
    assert host in ("127.0.0.1", "localhost", "::1", None), f"looked up {host}"
    return look_up(host, *more, **settings)
socket.getaddrinfo = known
"""


@pytest.fixture(scope="session")
def hub_server() -> Iterator[Hub]:
    """The server alone; tests ask for `hub`."""
    server = Hub()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def hub(hub_server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty Hub; the client of this process asks it, logged in as `owner`, with an empty cache.

    Retries wait a hundredth of a second, and every other host is refused.
    """
    hub_server.reset()
    home = tmp_path / "hf_home"
    patched = {
        "ENDPOINT": hub_server.endpoint,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub_server.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HOME": str(home),
        "HF_HUB_CACHE": str(home / "hub"),
        "HUGGINGFACE_HUB_CACHE": str(home / "hub"),
        "HF_XET_CACHE": str(home / "xet"),
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_STORED_TOKENS_PATH": str(home / "stored_tokens"),
        "AGENT_HARNESSES_PATH": str(home / "agents.json"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_OFFLINE": False,
    }
    for name, value in patched.items():
        monkeypatch.setattr(constants, name, value, raising=False)  # older clients lack some
    monkeypatch.setattr(hf_api.api, "endpoint", hub_server.endpoint)  # made at import, for the bare functions
    for function in (_http.http_backoff, _http.http_stream_backoff):
        settings = getattr(function, "__wrapped__", function).__kwdefaults__
        monkeypatch.setitem(settings, "base_wait_time", 0.01)
        monkeypatch.setitem(settings, "max_wait_time", 0.01)
    clock = SimpleNamespace(**{name: getattr(time, name) for name in dir(time)})
    clock.sleep = lambda seconds: time.sleep(min(seconds, 0.01))
    monkeypatch.setattr(file_download, "time", clock)
    monkeypatch.setenv("HF_TOKEN", OWNER)
    for name in ("HF_ENDPOINT", "HUGGING_FACE_HUB_TOKEN", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(socket.socket, "connect", _only_local(socket.socket.connect))
    _http.close_session()
    yield hub_server
    _http.close_session()


@pytest.fixture
def hub_env(hub: Hub, tmp_path: Path) -> dict[str, str]:
    """The environment of another process that asks the same Hub, with an empty cache of its own, not logged in."""
    left = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    stored = {name: value for name, value in os.environ.items() if name.upper() not in left}
    return {
        **stored,
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(tmp_path / "other_hf_home"),
        "HF_HUB_OFFLINE": "0",  # other tests of this session may have set it
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def run_python(hub_env: dict[str, str]) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run a program in another process that may talk to this machine alone."""

    def run(program: str, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", _GUARD + program, *arguments]
        return subprocess.run(command, env={**hub_env, **more}, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture
def make_card(tmp_path: Path) -> Callable[..., Path]:
    """Make a whole card folder, of the name given, from a small tokenizer of random weights."""

    def make(name: str = "toy-vq-16x8", seed: int = 0, **metrics: Any) -> Path:
        folder = tmp_path / "cards" / name
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed)
        tokenizer = tiny()
        tokenizer.save(folder)
        record = {**RECORD, "name": name, "metrics": RECORD["metrics"] | metrics}
        write_json(folder / METRICS, record)
        write_json(folder / USAGE, {"split": "test", "counts": [[40] * 16]}, indent=None)
        (folder / CARD).write_text(model_card(record, tokenizer.config), encoding="utf-8")
        return folder

    return make


def tiny() -> Tokenizer:
    """16 bits for an image of 8 x 8 pixels: 2 x 2 cells of 4 bits."""
    autoencoder = build_autoencoder("conv", latent_dim=8, width=4, residual_width=2, residual_blocks=0)
    return Tokenizer(autoencoder, build("vq", dim=8, codebook_size=16), build_position("none", dim=8), 8).eval()


RECORD: dict[str, Any] = {
    "name": "toy-vq-16x8",
    "dataset": "toy",
    "hub_id": None,
    "split": "test",
    "metrics": {
        "protocol": "lossless",
        "num_images": 10,
        "l1": 0.25,
        "psnr": 12.5,
        "ssim": 0.5,
        "lpips": None,
        "lpips_network": None,
        "rfid": None,
        "rfid_squeeze": 100.0,
        "usage": 1.0,
        "dead": 0,
        "perplexity": 16.0,
        "bits_per_image": 16.0,
        "bits_per_pixel": 0.25,
        "share_of_raw": 0.25 / 24,
    },
    "stored_as": "float32",
    "data": {"images": {"test": 2}},
    "training": {
        "images": 640,
        "full_budget_images": 640,
        "steps": 10,
        "best_step": 10,
        "seconds": 60.0,
        "device": "CPU",
        "recipe": {"held_out": 2, "weights": {"reconstruction": 1.0}},
    },
}


def _only_local(connect: Any) -> Any:
    def checked(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise AssertionError(f"connected to {address}")
        return connect(self, address)

    return checked
