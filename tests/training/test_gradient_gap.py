"""The gradient gap, worked out by hand."""

import pytest
import torch
from torch import nn

from vqzoo.ops.estimator import rotation, straight_through
from vqzoo.quantizers import build
from vqzoo.training import gradient_gap


def test_by_hand():
    """L(z) = sum z^3: gradient 3 z^2. At (1, 2) that is (3, 12), at the quantized (2, 2) it is (12, 12): a gap of 9."""
    latents = torch.tensor([1.0, 2.0], requires_grad=True)
    quantized = straight_through(latents, torch.tensor([2.0, 2.0]))
    gap = gradient_gap(lambda z: z.pow(3).sum(), latents, quantized)
    assert gap.shape == () and gap.item() == 9 and not gap.requires_grad


def test_by_hand_with_the_gradient_of_another_estimator():
    """(3, 4) is turned to (8, 6) by an angle of cosine (24 + 24) / 50 and sine (18 - 32) / 50, and doubled.

    L(z) = z1 + z2 has gradient (1, 1); what is given is that turned back, and doubled.
    """
    latents = torch.tensor([[3.0, 4.0]], requires_grad=True)
    quantized = rotation(latents, torch.tensor([[8.0, 6.0]]))
    given = 2 * torch.tensor([0.96 - 0.28, 0.28 + 0.96])
    gap = gradient_gap(lambda z: z.sum(), latents, quantized)
    torch.testing.assert_close(gap, (torch.ones(2) - given).norm())


def test_for_a_decoder_it_is_the_hessian_on_the_quantization_error():
    """L(z) = |A z - x|^2 / 2 has gradient A'(A z - x): the gap is |A'A (z_e - z_q)|, whatever x is."""
    decoder, target = nn.Linear(4, 6, bias=False), torch.randn(5, 6)
    latents, vectors = torch.randn(5, 4, requires_grad=True), torch.randn(5, 4)
    gap = gradient_gap(lambda z: (decoder(z) - target).square().sum() / 2, latents, straight_through(latents, vectors))
    expected = ((latents - vectors) @ (decoder.weight.T @ decoder.weight)).norm()
    torch.testing.assert_close(gap, expected.detach())


def test_none_where_nothing_is_quantized_away():
    latents = torch.randn(2, 4, 4, 8, requires_grad=True)
    out = build("none", dim=8)(latents)
    assert gradient_gap(lambda z: z.square().mean(), latents, out.latents).item() == 0


@pytest.mark.parametrize(
    ("name", "settings"), [("vq", {"codebook_size": 4}), ("ema", {"codebook_size": 4}), ("fsq", {})]
)
def test_measured_within_a_training_step_it_disturbs_nothing(name, settings):
    quantizer, encoder, decoder = build(name, dim=8, **settings), nn.Linear(3, 8), nn.Linear(8, 3)
    x = torch.randn(2, 4, 4, 3)
    modules = nn.ModuleList([quantizer, encoder, decoder])

    def gradients(measure: bool) -> dict[str, torch.Tensor | None]:
        modules.zero_grad()
        latents = encoder(x)
        out = quantizer(latents)

        def task_loss(z: torch.Tensor) -> torch.Tensor:
            return (decoder(z) - x).square().mean()

        if measure:
            assert gradient_gap(task_loss, latents, out.latents) > 0
            assert all(parameter.grad is None for parameter in modules.parameters())
        (task_loss(out.latents) + sum(out.losses.values())).backward()
        return {key: None if each.grad is None else each.grad.clone() for key, each in modules.named_parameters()}

    state = {key: value.clone() for key, value in modules.state_dict().items()}
    without = gradients(False)
    modules.load_state_dict(state)
    with_it = gradients(True)
    for key, gradient in without.items():
        assert (gradient is None) == (with_it[key] is None)
        assert gradient is None or torch.equal(gradient, with_it[key]), key
