"""The perceptual loss is the metric with a gradient."""

import warnings

import pytest
import torch

from vqzoo.metrics.perceptual import Perceptual, backbone, load, perceptual
from vqzoo.metrics.squeezenet import WEIGHTS_VARIABLE
from vqzoo.ops.pixels import from_bytes
from vqzoo.training import PerceptualLoss


def images(number: int = 2, side: int = 40) -> torch.Tensor:
    return torch.rand(number, 3, side, side) * 2 - 1


@pytest.fixture
def loss(random_weights) -> PerceptualLoss:
    return PerceptualLoss()


def test_with_trained_weights_it_is_the_metric_on_images_that_are_bytes():
    metric = load()
    for channels in (1, 3):
        ours, originals = torch.randint(0, 256, (2, 3, channels, 64, 48), dtype=torch.uint8)
        expected = metric(ours, originals).mean()
        assert expected > 0.01
        torch.testing.assert_close(PerceptualLoss()(from_bytes(ours), from_bytes(originals)), expected)


@pytest.fixture
def package(random_weights) -> torch.nn.Module:
    """The package `lpips` with the weights of `loss`."""
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = lpips.LPIPS(net="squeeze", pnet_rand=True, verbose=False)
    weights = backbone("squeeze")
    model.net.load_state_dict({key: weights["features." + key.split(".", 1)[1]] for key in model.net.state_dict()})
    return model.eval()


def test_the_package_agrees(loss, package):
    ours, originals = images(), images()
    torch.testing.assert_close(loss(ours, originals), package(ours, originals).mean())
    _, parts = package(ours, originals, retPerLayer=True)
    distances = loss.network.distances(loss.network.features(ours), loss.network.features(originals))
    torch.testing.assert_close(distances, torch.cat(parts, 1).flatten(1))


def test_the_gradient_is_the_packages_and_reaches_the_first_images_alone(loss, package):
    ours, originals = images().requires_grad_(), images().requires_grad_()
    loss.train()  # as a trainer may well do to all of its modules: there is dropout in the package
    loss(ours, originals).backward()
    assert originals.grad is None and all(not parameter.requires_grad for parameter in loss.parameters())
    (expected,) = torch.autograd.grad(package(ours, originals).mean(), ours)
    torch.testing.assert_close(ours.grad, expected, rtol=1e-3, atol=1e-7)


def test_the_originals_half_keeps_no_graph(loss, monkeypatch):
    """Half of the memory, and of the time of the backward pass."""
    recorded = []
    features = Perceptual.features
    monkeypatch.setattr(Perceptual, "features", lambda *args: recorded.append(out := features(*args)) or out)
    loss(images().requires_grad_(), images().requires_grad_())
    assert sorted(any(layer.requires_grad for layer in out) for out in recorded) == [False, True]


def test_layer_weights_scale_each_layers_part(loss):
    ours, originals = images(), images()
    network = loss.network
    parts = network.distances(network.features(ours), network.features(originals)).mean(0)
    assert len(parts) == 7 and (parts > 0).all()
    for layer in range(7):
        only = PerceptualLoss(layer_weights=[float(each == layer) for each in range(7)])
        torch.testing.assert_close(only(ours, originals), parts[layer])
    late = [0, 0, 0, 0.5, 1, 2, 3]
    torch.testing.assert_close(PerceptualLoss(layer_weights=late)(ours, originals), parts @ torch.tensor(late))


@pytest.mark.parametrize("wrong", [[], [1] * 6, [1] * 6 + [-1], [1] * 6 + [float("nan")], [float("inf")] * 7])
def test_wrong_layer_weights_are_refused(random_weights, wrong):
    with pytest.raises(ValueError, match="layer_weights=.*expected 7 finite numbers"):
        PerceptualLoss(layer_weights=wrong)


def test_half_precision_images_are_measured_in_float32(loss):
    ours, originals = images(), images()
    half = loss(ours.bfloat16(), originals)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, loss(ours.bfloat16().float(), originals))


def test_images_too_small_for_the_network_are_refused(loss):
    with pytest.raises(ValueError, match="31 x 64.*at least 32 pixels"):
        loss(torch.zeros(1, 3, 31, 64), torch.zeros(1, 3, 31, 64))


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_without_weights_it_says_what_to_do(net, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    with pytest.raises(ValueError, match=rf"{net}.*not on this machine.*python -m vqzoo\.metrics {net}.*VQZOO_WEIGHTS"):
        PerceptualLoss(net)


def test_an_unknown_network_is_refused():
    with pytest.raises(ValueError, match="net='vgg16': did you mean 'vgg'"):
        PerceptualLoss("vgg16")


def test_it_owns_its_network(random_weights):
    """Moved to another device or precision, it must not take along the one that evaluation keeps."""
    perceptual.cache_clear()
    try:
        assert PerceptualLoss().network is not perceptual("squeeze")
    finally:
        perceptual.cache_clear()
