"""Frechet distances are those of an independent formula, whatever the batches are, of the networks that are named."""

import io
import socket
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import scipy.linalg
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import squeezenet1_1

from vqzoo.metrics import fid as module
from vqzoo.metrics.__main__ import main
from vqzoo.metrics.fid import Extractor, Fid, InceptionFeatures, SqueezeFeatures, extractors
from vqzoo.metrics.squeezenet import WEIGHTS_VARIABLE
from vqzoo.metrics.table import METRICS, names


class Projection(Extractor):
    """Random products of an image's pixels, bent; far from zero and of very different widths."""

    metric = "rfid_squeeze"

    def __init__(self, num_features: int, pixels: int = 3 * 8 * 8, bias: float = 3.0):
        super().__init__()
        self.num_features = num_features
        generator = torch.Generator().manual_seed(3)
        self.register_buffer("weight", torch.randn(pixels, num_features, generator=generator))
        self.register_buffer("scale", torch.logspace(1, -2, num_features))
        self.bias = bias

    def forward(self, images):
        return (torch.tanh(images.flatten(1) / 255 @ self.weight / 4) + self.bias) * self.scale


def pictures(number: int, low: int = 0, high: int = 256, channels: int = 3) -> torch.Tensor:
    return torch.randint(low, high, (number, channels, 8, 8), dtype=torch.uint8)


def measure(extractor, images, originals, batch_size=None):
    fid = Fid(extractor)
    size = batch_size or len(images)
    for batch in zip(images.split(size), originals.split(size), strict=True):
        fid.update(*batch)
    return fid.compute()


def reference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Equation 6 of Heusel et al. with scipy's root of a matrix, in float64."""
    ours, theirs = ours.double().numpy(), theirs.double().numpy()
    root = scipy.linalg.sqrtm(np.cov(ours, rowvar=False) @ np.cov(theirs, rowvar=False))
    traces = np.trace(np.cov(ours, rowvar=False)) + np.trace(np.cov(theirs, rowvar=False))
    return ((ours.mean(0) - theirs.mean(0)) ** 2).sum() + traces - 2 * np.trace(root).real


@pytest.mark.parametrize("num_features", [1, 2, 16, 64])
def test_it_is_the_formula(num_features):
    extractor, images, originals = Projection(num_features), pictures(300), pictures(300, 40, 250)
    if num_features == 1:  # (m - m')^2 + (s - s')^2, without matrices
        ours, theirs = (extractor(x).double() for x in (images, originals))
        expected = ((ours.mean() - theirs.mean()) ** 2 + (ours.std() - theirs.std()) ** 2).item()
    else:
        expected = reference(extractor(images), extractor(originals))
    assert expected > 1e-4
    assert measure(extractor, images, originals) == pytest.approx(expected, rel=1e-6)


def test_two_clouds_by_hand():
    """Features 0 and 2 against 1 and 7: means 1 and 4, deviations sqrt(2) and sqrt(18)."""

    class First(Projection):
        def forward(self, images):
            return images[:, 0, 0, :1].float()

    ours, theirs = torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    ours[:, 0, 0, 0], theirs[:, 0, 0, 0] = torch.tensor([0, 2]), torch.tensor([1, 7])
    assert measure(First(1), ours, theirs) == pytest.approx((4 - 1) ** 2 + (18**0.5 - 2**0.5) ** 2)


def test_batch_size_does_not_matter():
    extractor, images, originals = Projection(16), pictures(50), pictures(50, 30, 220)
    whole = measure(extractor, images, originals)
    for size in (1, 7, 49):
        assert measure(extractor, images, originals, size) == pytest.approx(whole, rel=1e-6)


def test_sums_are_of_double_precision():
    """Features a thousand deviations from zero: sums of squares in float32 would leave nothing of the covariances."""
    extractor, images, originals = Projection(8, bias=1000.0), pictures(300), pictures(300, 40, 250)
    assert measure(extractor, images, originals, 20) == pytest.approx(
        reference(extractor(images), extractor(originals)), rel=1e-4
    )


@pytest.mark.parametrize("number", [2, 20, 300])
def test_equal_sets_are_at_zero_and_the_order_does_not_matter(number):
    """Sets of fewer images than the 64 features, too."""
    images = pictures(number)
    distance = measure(Projection(64), images, images.flip(0))
    assert 0 <= distance < 1e-4 < measure(Projection(64), images, 255 - images)


def test_fewer_images_than_features_have_a_distance():
    """Covariances of rank 19: the trace of the root is the sum of the 19 singular values of one set times the other."""
    extractor, images, originals = Projection(64), pictures(20), pictures(20, 40, 250)
    ours, theirs = (extractor(x).double() for x in (images, originals))
    centred = [(x - x.mean(0)) / 19**0.5 for x in (ours, theirs)]
    root = torch.linalg.svdvals(centred[0] @ centred[1].T).sum()
    traces = centred[0].square().sum() + centred[1].square().sum()
    expected = (ours.mean(0) - theirs.mean(0)).square().sum() + traces - 2 * root
    assert measure(extractor, images, originals) == pytest.approx(expected.item(), rel=1e-5)


def test_grey_is_measured_as_equal_colours():
    images, originals = pictures(30, channels=1), pictures(30, 40, 250, channels=1)
    colour = measure(Projection(8), images.expand(-1, 3, -1, -1), originals.expand(-1, 3, -1, -1))
    assert measure(Projection(8), images, originals) == colour


def test_one_image_none_and_too_small_ones_have_no_distance():
    assert Fid(Projection(4)).compute() is None
    assert measure(Projection(4), pictures(1), pictures(1)) is None
    extractor = Projection(4)
    extractor.minimum_side = 9
    assert measure(extractor, pictures(5), pictures(5)) is None


def test_one_process_of_several_can_measure(monkeypatch):
    """At the end of a training in several processes the first one measures alone; waiting for the rest would hang."""

    def refuse(*arguments, **settings):
        raise AssertionError("asked the other processes")

    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    for name in ("get_world_size", "all_gather", "barrier"):
        monkeypatch.setattr(torch.distributed, name, refuse)
    assert measure(Projection(4), pictures(10), pictures(10, 40, 250)) > 0


@pytest.fixture
def squeeze():
    """SqueezeNet 1.1 of random weights, and what they are stored as."""
    network = squeezenet1_1().eval()
    return network, {key: value.half() for key, value in network.state_dict().items() if key.startswith("features")}


def test_squeeze_features_are_the_means_of_the_last_map_of_normalised_images(squeeze):
    network, weights = squeeze
    network.load_state_dict({key: value.float() for key, value in weights.items()}, strict=False)
    images = torch.randint(0, 256, (3, 3, 40, 56), dtype=torch.uint8)
    seen = [
        [((images[n, c] / 255) - mean) / deviation for c, (mean, deviation) in enumerate(STATISTICS)] for n in range(3)
    ]
    with torch.no_grad():
        maps = network.features(torch.stack([torch.stack(colours) for colours in seen]))
        features = SqueezeFeatures(weights)(images)
    assert maps.shape == (3, 512, 2, 3) and features.shape == (3, 512)
    torch.testing.assert_close(features, maps.flatten(2).mean(2))


STATISTICS = [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]
"""Mean and deviation of red, green and blue on ImageNet."""


def test_squeeze_weights_are_those_of_lpips_and_nothing_learns_or_is_drawn(squeeze, monkeypatch, tmp_path):
    save_file(squeeze[1], tmp_path / "squeezenet1_1-features.safetensors")
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    monkeypatch.setattr(module, "get_dir", lambda: str(tmp_path))
    state = torch.get_rng_state()
    (extractor,) = extractors()
    assert extractor.metric == "rfid_squeeze" and torch.equal(torch.get_rng_state(), state)
    assert not extractor.training and not any(parameter.requires_grad for parameter in extractor.parameters())
    assert measure(extractor, *torch.randint(0, 256, (2, 4, 3, 31, 40), dtype=torch.uint8)) is None
    images, originals = torch.randint(0, 256, (2, 4, 3, 32, 40), dtype=torch.uint8)
    assert measure(extractor, images, originals) > measure(extractor, images, images) == pytest.approx(0, abs=1e-3)


def test_without_weights_there_is_no_inception_and_nothing_is_downloaded(monkeypatch, tmp_path):
    def refuse(*arguments, **settings):
        raise AssertionError(f"asked the network for {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for folder in ("", str(tmp_path), str(tmp_path / "missing")):
        monkeypatch.setenv(WEIGHTS_VARIABLE, folder)
        assert [each.metric for each in extractors()] == ["rfid_squeeze"], "which is part of the package"


@pytest.mark.parametrize("name", ["weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth"])
@pytest.mark.parametrize("place", ["", "hub/checkpoints"])
def test_inception_is_found_with_its_package_and_refused_if_it_is_another(monkeypatch, tmp_path, name, place):
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / name).write_bytes(b"not the network")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv(WEIGHTS_VARIABLE, "" if place else str(tmp_path))
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda package: None)
    assert [each.metric for each in extractors()] == ["rfid_squeeze"]
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda package: object())
    with pytest.raises(ValueError, match=f"{name}: not the Inception of 2015 .* begin with 6726825d"):
        extractors()
    loaded = []
    monkeypatch.setattr(module, "_check_inception", lambda path: None)
    monkeypatch.setattr(module, "InceptionFeatures", lambda path: loaded.append(path) or nn.Identity())
    assert len(extractors()) == 2 and loaded == [tmp_path / place / name]


def test_inception_of_random_weights(tmp_path):
    """Its features are its own, 2048 of them, of images of any size."""
    pytest.importorskip("torch_fidelity", reason="rfid needs torch-fidelity")
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    file, path = io.BytesIO(), tmp_path / "inception.pth"
    empty = FeatureExtractorInceptionV3.__new__(FeatureExtractorInceptionV3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state, *rest: None)
        torch.save({}, path)
        empty.__init__("inception-v3-compat", ["2048"], str(path))
    torch.save(empty.state_dict(), file)
    path.write_bytes(file.getvalue())
    extractor = InceptionFeatures(path)
    images = torch.randint(0, 256, (2, 3, 20, 33), dtype=torch.uint8)
    with torch.no_grad():
        features = extractor(images)
        (expected,) = empty.eval()(images)
    assert features.shape == (2, 2048) and extractor.num_features == 2048
    torch.testing.assert_close(features, expected)


def test_the_table_has_the_number_of_features():
    each = {extractor.metric: extractor.num_features for extractor in (InceptionFeatures, SqueezeFeatures)}
    assert each == {name: METRICS[name].features for name in names("set")}


def test_fetching_inception_checks_its_sum_and_says_where_it_comes_from(monkeypatch, capsys):
    asked = []

    def download(url, **settings):
        asked.append((url, settings))

    monkeypatch.setattr(module, "load_state_dict_from_url", download)
    assert main(["inception"]) == 0
    ((url, settings),) = asked
    assert Path(url).name in module._INCEPTION_FILES and settings["check_hash"] and settings["weights_only"]

    def unreachable(*args, **kwargs):
        raise URLError("no network")

    monkeypatch.setattr(module, "load_state_dict_from_url", unreachable)
    assert main(["inception"]) == 1
    assert "no network; the weights come from torch-fidelity's releases" in capsys.readouterr().err
