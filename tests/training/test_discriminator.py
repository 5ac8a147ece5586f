"""The network that tells images from reconstructions."""

import copy

import pytest
import torch
from torch import nn

from vqzoo.training import (
    ADVERSARIES,
    LeCam,
    PatchDiscriminator,
    discriminate,
    discriminator_loss,
    generator_loss,
)


@pytest.mark.parametrize(
    ("settings", "shape", "logits"),
    [
        ({"width": 8}, (2, 3, 256, 256), (30, 30)),
        ({"width": 8}, (1, 3, 64, 40), (6, 3)),
        ({"width": 6, "channels": 1, "layers": 2}, (2, 1, 28, 32), (5, 6)),
        ({"width": 1, "layers": 1}, (1, 3, 6, 6), (1, 1)),
    ],
)
def test_one_logit_a_patch(settings, shape, logits):
    assert PatchDiscriminator(**settings)(torch.randn(shape)).shape == (shape[0], 1, *logits)


def test_the_default_is_the_papers_network():
    """Convolutions of pix2pix's 70 x 70 PatchGAN, and two numbers a channel for each of its three normalisations."""
    widths = [3, 64, 128, 256, 512, 1]
    convolutions = sum(16 * a * b + b for a, b in zip(widths, widths[1:], strict=False))
    network = PatchDiscriminator()
    assert sum(parameter.numel() for parameter in network.parameters()) == convolutions + 2 * (128 + 256 + 512)
    assert [module.stride[0] for module in network.modules() if isinstance(module, nn.Conv2d)] == [2, 2, 2, 1, 1]
    assert {module.negative_slope for module in network.modules() if isinstance(module, nn.LeakyReLU)} == {0.2}
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.05) and not module.bias.any()


def test_a_logit_sees_70_pixels():
    """Normalisation, which sees all of the image, is left out."""
    network = PatchDiscriminator(width=4)
    network.blocks = nn.Sequential(*(block for block in network.blocks if not isinstance(block, nn.GroupNorm)))
    images = torch.randn(1, 3, 160, 160, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(images)[0, 0, 9, 9], images)
    rows, columns = gradient[0].abs().sum(0).nonzero().T
    assert rows.max() - rows.min() == columns.max() - columns.min() == 69


def test_an_images_logits_hang_on_no_other_image():
    """Trap: statistics of a batch, by which two processes differ from one."""
    network, images = PatchDiscriminator(width=8), torch.randn(4, 3, 32, 32)
    alone = torch.cat([network(image) for image in images.split(1)])
    torch.testing.assert_close(network(images), alone, rtol=1e-4, atol=1e-5)
    assert not list(network.buffers())


def test_judged_together_as_apart():
    network, images, restored = PatchDiscriminator(width=8), torch.randn(2, 3, 32, 40), torch.randn(2, 3, 32, 40)
    real_logits, fake_logits = discriminate(network, images, restored)
    torch.testing.assert_close(real_logits, network(images), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(fake_logits, network(restored), rtol=1e-4, atol=1e-5)


@pytest.mark.trap("T27")
@pytest.mark.parametrize("kind", ADVERSARIES)
def test_the_discriminators_step_leaves_the_generator_alone(kind):
    """Of a step as a trainer takes it: its own gradients are those of the generator's loss alone, before and after."""
    generator, network = nn.Conv2d(3, 3, 3, padding=1), PatchDiscriminator(width=4, layers=2)
    regulariser, images = LeCam(), torch.randn(2, 3, 32, 32)
    restored = generator(images)
    generator_loss(network(restored), kind).backward(retain_graph=True)
    before = copy.deepcopy([parameter.grad for parameter in generator.parameters()])
    assert all(gradient.any() for gradient in before)
    network.zero_grad()

    logits = discriminate(network, images, restored)
    (discriminator_loss(*logits, kind) + regulariser(*logits)).backward()
    assert all(parameter.grad.any() for parameter in network.parameters() if parameter.ndim > 1)
    for parameter, gradient in zip(generator.parameters(), before, strict=True):
        assert torch.equal(parameter.grad, gradient)


@pytest.mark.parametrize("side", [(23, 64), (64, 23)])
def test_images_too_small_for_a_logit_are_refused(side):
    with pytest.raises(ValueError, match=f"{side[0]} x {side[1]}.*layers=3 needs at least 24 pixels"):
        PatchDiscriminator(width=4)(torch.randn(1, 3, *side))
    assert PatchDiscriminator(width=4)(torch.randn(1, 3, 24, 24)).numel() == 1


@pytest.mark.parametrize("wrong", [{"width": 0}, {"layers": 0}, {"layers": 9}, {"channels": 0}])
def test_wrong_settings_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name}=.*expected a whole number"):
        PatchDiscriminator(**wrong)
