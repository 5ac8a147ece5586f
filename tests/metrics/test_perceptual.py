"""LPIPS: recorded values where the weights are at hand, and None without a byte of network traffic where not."""

import inspect
import io
import os
import runpy
import socket
import sys
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from vqzoo.metrics.__main__ import main
from vqzoo.metrics.perceptual import WEIGHTS_VARIABLE, Perceptual, fetch, perceptual

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(autouse=True)
def forgotten():
    """`perceptual` remembers what it has loaded, or not found."""
    perceptual.cache_clear()
    yield
    perceptual.cache_clear()


@pytest.fixture
def lpips(monkeypatch):
    folder = Path(os.environ.get(WEIGHTS_VARIABLE, SHARED / "weights"))
    if not (folder / "squeezenet1_1-features.safetensors").is_file():
        pytest.skip(f"the weights of SqueezeNet are not here; {WEIGHTS_VARIABLE} can name a folder that has them")
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(folder))
    return perceptual("squeeze")


@pytest.fixture
def kodak():
    files = sorted((SHARED / "kodak").glob("*.parquet"))
    if not files:
        pytest.skip("the Kodak images are not in ../shared/data/kodak")
    import pandas

    column = pandas.read_parquet(files[0])["image"]

    def image(number: int) -> torch.Tensor:
        pixels = Image.open(io.BytesIO(column[number - 1]["bytes"])).convert("RGB")
        return torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None]

    return image


def test_recorded_values(lpips, kodak):
    """Those of ../shared/data/weights/README.md, with the digits that it gives."""
    first, second, image = (kodak(number) for number in (1, 2, 23))
    assert lpips(first[..., :256, :256], second[..., :256, :256]).item() == pytest.approx(0.68558, abs=2e-5)
    assert lpips(image, image.flip(3)).item() == pytest.approx(0.63912, abs=2e-5)
    assert lpips(image, image & 0xE0).item() == pytest.approx(0.30349, abs=2e-5)


def test_zero_for_equal_images_and_the_same_in_any_batch(lpips):
    images, originals = (torch.randint(0, 256, (3, 3, 40, 32), dtype=torch.uint8) for _ in range(2))
    assert lpips(images, images).tolist() == [0] * 3
    alone = torch.cat([lpips(a, b) for a, b in zip(images.split(1), originals.split(1), strict=True)])
    torch.testing.assert_close(lpips(images, originals), alone)
    assert lpips.name == "lpips-squeeze-v0.1"


def test_grey_is_measured_as_equal_colours(lpips):
    images, originals = (torch.randint(0, 256, (1, 1, 32, 32), dtype=torch.uint8) for _ in range(2))
    colour = lpips(images.expand(-1, 3, -1, -1), originals.expand(-1, 3, -1, -1))
    assert torch.equal(lpips(images, originals), colour)


def test_the_package_says_the_same_of_each_layer(lpips):
    images, originals = (torch.rand(2, 3, 48, 40) * 2 - 1 for _ in range(2))
    _, parts = lpips.model(images, originals, retPerLayer=True)
    distances = lpips.distances(lpips.features(images), lpips.features(originals))
    torch.testing.assert_close(distances, torch.cat(parts, 1).flatten(1))
    assert distances.shape == (2, lpips.num_layers) == (2, 7)


def test_images_too_small_for_the_network_have_none(lpips):
    small = torch.zeros(1, 3, 31, 64, dtype=torch.uint8)
    assert lpips(small, small) is None


def test_nothing_in_it_learns(lpips):
    assert not lpips.training and not any(parameter.requires_grad for parameter in lpips.parameters())


@pytest.mark.parametrize("net", ["squeeze", "alex", "vgg"])
def test_without_weights_it_is_none_and_nothing_is_downloaded(net, monkeypatch, tmp_path):
    def refuse(*arguments, **settings):
        raise AssertionError(f"asked the network for {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for folder in ("", str(tmp_path), str(tmp_path / "absent")):
        perceptual.cache_clear()
        monkeypatch.setenv(WEIGHTS_VARIABLE, folder)
        assert perceptual(net) is None
    assert not any(tmp_path.iterdir())


def test_the_package_is_imported_only_where_there_are_weights(monkeypatch, tmp_path):
    """A machine without it can import everything."""
    monkeypatch.setitem(sys.modules, "lpips", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    fresh = runpy.run_path(inspect.getfile(Perceptual))
    assert fresh["load"]("squeeze") is None
    with pytest.raises(ImportError):
        fresh["Perceptual"]("squeeze", {})


def test_without_a_network_fetching_says_so_in_one_line(monkeypatch, capsys):
    def unreachable(*args, **kwargs):
        raise URLError("no network")

    monkeypatch.setitem(fetch.__globals__, "load_state_dict_from_url", unreachable)
    assert main(["squeeze"]) == 1
    assert capsys.readouterr().err.startswith("error: no network;")
