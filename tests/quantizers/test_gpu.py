"""What a GPU must do as a CPU does: the same indices, the same latents, steps of training that stay finite."""

import pytest
import torch
import torch.nn.functional as F

from vqzoo.ops.lookup import highest, nearest
from vqzoo.quantizers import build

from .steps import grid, trained

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def test_indices_and_latents_are_those_of_a_cpu(case):
    quantizer, latents = trained(case), grid(case, batch=4)
    here = quantizer(latents)
    there = quantizer.cuda()(latents.cuda())
    # A sum is rounded otherwise there, so that a latent half-way between two codevectors may go to the other one.
    assert (there.indices.cpu() != here.indices).float().mean() < 0.02
    again = quantizer.decode(here.indices.cuda()).cpu()
    torch.testing.assert_close(again, here.latents.detach(), rtol=1e-4, atol=1e-4)


def test_steps_of_training_stay_finite(case):
    quantizer = build(**case).cuda().train()
    for _ in range(3):
        latents = grid(case, batch=4).cuda().requires_grad_()
        out = quantizer(latents)
        torch.stack([*out.losses.values(), out.latents.square().mean()]).sum().backward()
        assert latents.grad is not None and latents.grad.isfinite().all() and latents.grad.any()
    assert all(tensor.isfinite().all() for tensor in quantizer.state_dict().values() if tensor.is_floating_point())


@pytest.mark.parametrize("metric", ["l2", "cosine"])
@pytest.mark.parametrize(("size", "dim"), [(256, 4), (1024, 128), (4096, 8), (140_000, 32), (512, 1)])
def test_lookups_find_what_double_precision_finds(size, dim, metric):
    latents, codebook = torch.randn(3000, dim).cuda(), torch.randn(size, dim).cuda()
    actual = nearest(latents, codebook, metric)
    exact, table = latents.double(), codebook.double()
    scores = -torch.cdist(exact, table) if metric == "l2" else F.normalize(exact, dim=1) @ F.normalize(table, dim=1).T
    chosen = scores.gather(1, actual[:, None])[:, 0]
    assert (scores.max(1).values - chosen < 1e-4).all()


@pytest.mark.parametrize(("size", "dim"), [(256, 4), (1000, 8), (16384, 16)])
def test_the_kernel_for_short_codevectors_finds_what_the_product_finds(size, dim):
    from vqzoo.ops import gpu_kernel

    latents, codebook = torch.randint(-3, 4, (3000, dim)).float(), torch.randint(-3, 4, (size, dim)).float()
    actual = gpu_kernel.search(latents.cuda(), codebook.cuda(), None)
    assert torch.equal(actual[1].cpu(), highest(latents, codebook))
    torch.testing.assert_close(actual[0].cpu(), (latents @ codebook.T).amax(1))


def test_ties_go_to_the_lowest_index():
    latents, codebook = torch.randn(5000, 8).cuda(), torch.randn(700, 8).repeat(3, 1).cuda()
    assert (nearest(latents, codebook) < 700).all()
    assert (highest(latents, codebook) < 700).all()
    assert (nearest(torch.ones(300, 1).cuda(), torch.ones(200, 1).cuda()) == 0).all()
