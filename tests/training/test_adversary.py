"""Adversarial losses against numbers worked out by hand and torch's own cross-entropy."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vqzoo.training import ADVERSARIES, LeCam, adaptive_weight, discriminator_loss, generator_loss

REAL = torch.tensor([[2.0, 0.5], [-1.0, 0.0]])[None, None]
FAKE = torch.tensor([[-3.0, 0.5], [1.0, -0.5]])[None, None]


def test_hinge_by_hand():
    """Halves: (0 + 0.5 + 2 + 1) / 4 and (0 + 1.5 + 2 + 0.5) / 4."""
    assert discriminator_loss(REAL, FAKE, "hinge").item() == pytest.approx((3.5 / 4 + 4 / 4) / 2)
    assert generator_loss(FAKE, "hinge").item() == pytest.approx(0.5)


def test_non_saturating_is_cross_entropy_with_ones_for_images():
    """Trap: targets swapped, by which a discriminator learns to prefer reconstructions."""
    ones, zeros = torch.ones_like(REAL), torch.zeros_like(FAKE)
    expected = F.binary_cross_entropy_with_logits(torch.cat([REAL, FAKE]), torch.cat([ones, zeros]))
    torch.testing.assert_close(discriminator_loss(REAL, FAKE, "non-saturating"), expected)
    expected = F.binary_cross_entropy_with_logits(FAKE, ones)
    torch.testing.assert_close(generator_loss(FAKE, "non-saturating"), expected)


@pytest.mark.parametrize("kind", ADVERSARIES)
def test_which_way_each_of_them_pulls(kind):
    real, fake = torch.zeros(2, 1, 3, 3, requires_grad=True), torch.zeros(2, 1, 3, 3, requires_grad=True)
    discriminator_loss(real, fake, kind).backward()
    assert (real.grad < 0).all() and (fake.grad > 0).all()
    (gradient,) = torch.autograd.grad(generator_loss(fake, kind), fake)
    assert (gradient < 0).all()


@pytest.mark.parametrize("kind", ADVERSARIES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_scalars_in_float32_also_of_large_half_precision_logits(kind, dtype):
    real, fake = torch.full((2, 1, 9, 9), -3e4, dtype=dtype), torch.full((2, 1, 9, 9), 3e4, dtype=dtype)
    for loss in (discriminator_loss(real, fake, kind), generator_loss(-fake, kind)):
        assert loss.shape == () and loss.dtype == torch.float32 and loss.item() == pytest.approx(3e4, rel=0.01)


def test_an_unknown_kind_is_refused():
    for call in (lambda: discriminator_loss(REAL, FAKE, "hing"), lambda: generator_loss(FAKE, "hing")):
        with pytest.raises(ValueError, match="kind='hing': did you mean 'hinge'"):
            call()


# --- the adaptive weight ----------------------------------------------------------------------------------------------


def test_weight_by_hand():
    """y = w x with w = (1, 2), x = 2: main y1 + y2 has gradient (2, 2); adversarial 3 y1 - 4 y2 has (6, -8)."""
    layer = nn.Parameter(torch.tensor([1.0, 2.0]))
    y = layer * 2
    weight = adaptive_weight(y.sum(), (y * torch.tensor([3.0, -4.0])).sum(), layer)
    assert weight.shape == () and not weight.requires_grad and layer.grad is None
    assert weight.item() == pytest.approx(8**0.5 / (10 + 1e-4), rel=1e-6)


def test_weight_on_a_small_network():
    """Linear all the way, so that both gradients at the last layer are outer products."""
    first, last, critic = nn.Linear(3, 4, bias=False), nn.Linear(4, 2, bias=False), nn.Linear(2, 1, bias=False)
    x, target = torch.randn(5, 3), torch.randn(5, 2)
    hidden = first(x)
    restored = last(hidden)
    main = (restored - target).square().mean()
    adversarial = generator_loss(critic(restored))
    main_gradient = 2 * (restored - target).T @ hidden / 10
    adversarial_gradient = -critic.weight.T @ hidden.sum(0, keepdim=True) / 5
    expected = main_gradient.norm() / (adversarial_gradient.norm() + 1e-4)
    torch.testing.assert_close(adaptive_weight(main, adversarial, last.weight), expected.detach())
    (main + adversarial).backward()
    assert first.weight.grad is not None, "both losses keep their graphs"


def test_weight_balances_the_pulls():
    layer = nn.Parameter(torch.randn(6))
    main, adversarial = layer.square().sum(), (layer * 3).sum()
    pulls = [
        torch.autograd.grad(loss, layer)[0].norm()
        for loss in (main, adaptive_weight(main, adversarial, layer) * adversarial)
    ]
    torch.testing.assert_close(*pulls, rtol=1e-4, atol=0)


def test_weight_has_a_limit():
    layer = nn.Parameter(torch.ones(2))
    assert adaptive_weight(layer.sum() * 1e3, layer.sum() * 0, layer).item() == 1e4
    assert adaptive_weight(layer.sum() * 1e3, layer.sum() * 0, layer, limit=7.0).item() == 7


# --- LeCam ------------------------------------------------------------------------------------------------------------


def test_lecam_by_hand():
    """Means first; the second call's averages are halfway between both, which is a plain mean and decay 0.5 alike."""
    lecam = LeCam(decay=0.5)
    real, fake = torch.tensor([3.0, 1.0]), torch.tensor([-1.0, 0.0])
    assert lecam(real, fake).item() == pytest.approx((3.5**2 + 1.5**2) / 2 + (3**2 + 2**2) / 2)
    assert (lecam.real.item(), lecam.fake.item(), lecam.updates.item()) == (2, -0.5, 1)
    lecam(torch.tensor([4.0]), torch.tensor([0.5]))
    assert (lecam.real.item(), lecam.fake.item()) == (3, 0)
    lecam(torch.tensor([7.0]), torch.tensor([-4.0]))
    assert (lecam.real.item(), lecam.fake.item()) == (5, -2), "from now on half of what was and half of what comes"


def test_lecam_starts_as_a_plain_mean_and_then_forgets():
    lecam, values = LeCam(decay=0.9), torch.randn(30)
    for value in values[:10]:
        lecam(value, -value)
    torch.testing.assert_close(lecam.real, values[:10].mean())
    expected = values[:10].mean()
    for value in values[10:]:
        lecam(value, -value)
        expected = 0.9 * expected + 0.1 * value
    torch.testing.assert_close(lecam.real, expected)
    torch.testing.assert_close(lecam.fake, -expected)


def test_lecam_pulls_logits_towards_each_other():
    lecam = LeCam()
    real, fake = torch.full((2, 1, 3, 3), 2.0, requires_grad=True), torch.full((2, 1, 3, 3), -2.0, requires_grad=True)
    lecam(real, fake).backward()
    assert (real.grad > 0).all() and (fake.grad < 0).all()
    assert not lecam.real.requires_grad


def test_lecam_in_evaluation_mode_moves_nothing_and_its_state_is_all_in_the_state_dict():
    lecam = LeCam(decay=0.5)
    for _ in range(3):
        lecam(torch.randn(4), torch.randn(4))
    other = LeCam(decay=0.5)
    other.load_state_dict(lecam.state_dict())
    real, fake = torch.randn(2, 4)
    assert torch.equal(lecam.eval()(real, fake), lecam(real, fake))
    assert torch.equal(lecam.train()(real, fake), other(real, fake))
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in lecam.state_dict().items())
    with pytest.raises(ValueError, match="decay=1"):
        LeCam(decay=1)
