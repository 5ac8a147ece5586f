"""LPIPS: recorded values by the shipped weights; None without a byte of network traffic where others are not there."""

import io
import socket
import subprocess
import sys
import warnings
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from benchmarks.lpips_half import before_rounding
from vqzoo.analysis.examples import examples
from vqzoo.metrics.__main__ import main
from vqzoo.metrics.perceptual import Perceptual, fetch, perceptual
from vqzoo.metrics.squeezenet import SHIPPED, WEIGHTS_VARIABLE, squeezenet_weights

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def forgotten():
    """`perceptual` remembers what it has loaded, or not found."""
    perceptual.cache_clear()
    yield
    perceptual.cache_clear()


@pytest.fixture
def lpips(monkeypatch):
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
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


def of_the_package(images: torch.Tensor, originals: torch.Tensor) -> torch.Tensor:
    """The distance of each layer (b, 7) by the package `lpips` and the network of torchvision."""
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = lpips.LPIPS(net="squeeze", pnet_rand=True, verbose=False)
    shipped = squeezenet_weights()
    state = model.net.state_dict()
    model.net.load_state_dict({key: shipped["features." + key.split(".", 1)[1]].float() for key in state})
    return torch.cat(model(images, originals, retPerLayer=True)[1], 1).flatten(1)


def test_the_package_says_the_same_of_each_layer(lpips):
    images, originals = (torch.rand(2, 3, 48, 40) * 2 - 1 for _ in range(2))
    distances = lpips.distances(lpips.features(images), lpips.features(originals))
    torch.testing.assert_close(distances, of_the_package(images, originals))
    assert distances.shape == (2, lpips.num_layers) == (2, 7)


def test_half_precision_costs_less_than_a_table_shows(lpips):
    """Whatever the numbers before rounding were: within half a unit in the last place of what is shipped."""
    photographs = [torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)[None] for path in examples().values()]
    pairs = [(photograph & 0xE0, photograph) for photograph in photographs[:3]]
    drawn = Perceptual("squeeze", before_rounding(squeezenet_weights(), torch.Generator().manual_seed(0)))
    difference = [abs(drawn(*pair) - lpips(*pair)).item() for pair in pairs]
    assert 0 < max(difference) < 5e-4, "the distances themselves are 0.2 to 0.4"


def test_weights_of_ones_own_come_first_and_no_others_do(monkeypatch, tmp_path):
    """Neither does the cache of torch.hub: who has downloaded something reads the same number as everybody."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"other weights")
    for folder in ("", str(tmp_path), str(tmp_path / "absent")):
        monkeypatch.setenv(WEIGHTS_VARIABLE, folder)
        assert torch.equal(perceptual("squeeze").network.layers[0].weight, shipped_stem())
        perceptual.cache_clear()
    own = {key: value.float() * 2 for key, value in squeezenet_weights().items()}
    save_file(own, tmp_path / "squeezenet1_1-features.safetensors")
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    assert torch.equal(perceptual("squeeze").network.layers[0].weight, 2 * shipped_stem())


def shipped_stem() -> torch.Tensor:
    return load_file(SHIPPED / "squeezenet1_1-features.safetensors")["features.0.weight"].float()


def test_images_too_small_for_the_network_have_none(lpips):
    small = torch.zeros(1, 3, 31, 64, dtype=torch.uint8)
    assert lpips(small, small) is None


def test_nothing_in_it_learns(lpips):
    assert not lpips.training and not any(parameter.requires_grad for parameter in lpips.parameters())


@pytest.mark.parametrize("net", ["alex", "vgg"])
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


def test_squeezenet_needs_neither_the_package_nor_torchvision():
    """Which take seconds to import."""
    code = (
        "import sys; from vqzoo.metrics.perceptual import perceptual; perceptual('squeeze')\n"
        "from vqzoo.metrics.fid import extractors; extractors()\n"
        "print([name for name in ('lpips', 'torchvision') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_it_is_small_and_the_licences_are_with_it():
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 3_000_000
    text = (SHIPPED / "LICENSES.md").read_text(encoding="utf-8")
    assert all(path.name in text for path in SHIPPED.glob("*.safetensors"))
    assert "Soumith Chintala" in text and "Richard Zhang" in text and text.count("Redistributions in binary form") == 2


def test_without_a_network_fetching_says_so_in_one_line(monkeypatch, capsys):
    def unreachable(*args, **kwargs):
        raise URLError("no network")

    monkeypatch.setitem(fetch.__globals__, "load_state_dict_from_url", unreachable)
    assert main(["alex"]) == 1
    assert capsys.readouterr().err.startswith("error: no network;")
