"""Where codevectors start: k-means against scikit-learn's, and codebooks larger than their first batch."""

import pytest
import torch
import torch.nn.functional as F

from vqzoo.ops.distributed import sample_rows
from vqzoo.ops.lookup import nearest
from vqzoo.quantizers import build
from vqzoo.quantizers.codebook import Codebook, EMACodebook
from vqzoo.quantizers.start import draw, kmeans

FROM_DATA = ["latents", "kmeans"]


def clouds(num: int, dim: int = 4) -> torch.Tensor:
    """(num, dim) around six centres."""
    return 3 * torch.randn(6, dim)[torch.randint(6, (num,))] + torch.randn(num, dim)


def error(latents: torch.Tensor, weight: torch.Tensor) -> float:
    return F.mse_loss(weight[nearest(latents, weight)], latents).item()


@pytest.mark.parametrize(("num", "size"), [(40, 3), (300, 8), (500, 40)])
def test_kmeans_is_that_of_scikit_learn(num, size):
    from sklearn.cluster import KMeans

    latents = clouds(num)
    first = sample_rows(latents, size)
    theirs = KMeans(size, init=first.numpy(), n_init=1, algorithm="lloyd", max_iter=50, tol=0).fit(latents.numpy())
    ours = kmeans(latents, first)
    torch.testing.assert_close(ours, torch.from_numpy(theirs.cluster_centers_), rtol=1e-5, atol=1e-5)
    assert nearest(latents, ours).tolist() == theirs.labels_.tolist()
    assert error(latents, ours) < 0.9 * error(latents, first), "it had something to do"


def test_kmeans_by_hand():
    """0, 1, 5, 6, 10 from 0 and 1: {0}, {1, 5, 6, 10} -> 0, 5.5 -> {0, 1}, {5, 6, 10} -> 0.5, 7, and there it stays."""
    latents = torch.tensor([[0.0], [1.0], [5.0], [6.0], [10.0]])
    assert kmeans(latents, torch.tensor([[0.0], [1.0]])).tolist() == [[0.5], [7.0]]


def test_a_centroid_that_nobody_chooses_stays_where_it_is():
    centroids = kmeans(torch.tensor([[0.0], [2.0]]), torch.tensor([[0.5], [99.0]]))
    assert centroids.tolist() == [[1.0], [99.0]]


@pytest.mark.trap("T11", "vq", "ema", "pq", "rvq", "rq", "looc", "adaptive", "factorized", "multiscale", "hvq")
@pytest.mark.parametrize("start", FROM_DATA)
@pytest.mark.parametrize(("num", "size"), [(1, 8), (10, 64), (100, 512), (63, 64)])
@pytest.mark.parametrize("rule", [Codebook, EMACodebook])
def test_fewer_latents_than_codevectors_leave_no_zero_and_no_twin(rule, num, size, start):
    """An implementation that fills up with zeros has most of its codevectors dead and equal from the first step on."""
    latents = torch.randn(num, 4)
    codebook = rule(size, 4, start)
    codebook.prepare(latents)
    weight = codebook.weight.detach()
    assert weight.any(1).all() and len(weight.unique(dim=0)) == size
    assert torch.cdist(weight, latents).min(1).values.max() < 0.2, "all of them near a latent"


@pytest.mark.trap("T11", "rvq")
@pytest.mark.parametrize("start", FROM_DATA)
def test_residual_levels_that_start_from_few_latents_have_no_twins(start):
    """The first level holds every latent, so that exactly nothing is left over for the others to start from."""
    quantizer = build("rvq", dim=4, codebook_size=64, levels=3, start=start)
    quantizer(torch.randn(1, 4, 5, 4))
    for level in quantizer.levels:
        assert len(level.codebook.weight.unique(dim=0)) == 64


@pytest.mark.trap("T11", "vq", "ema", "pq", "rvq", "rq", "looc", "adaptive", "factorized", "multiscale", "hvq")
@pytest.mark.parametrize("start", FROM_DATA)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_latents_that_are_all_the_same_leave_no_twins(value, start):
    """As in black parts of images; the first of equal codevectors would be chosen always and the others never."""
    codebook = EMACodebook(16, 4, start)
    codebook.prepare(torch.cat([torch.full((90, 4), value), torch.full((10, 4), value + 1)]))
    assert len(codebook.weight.unique(dim=0)) == 16
    assert (codebook.weight - value).abs().max() < 1.5


@pytest.mark.trap("T6", "ema", "pq", "rvq", "rq", "hvq")
@pytest.mark.parametrize("start", FROM_DATA)
def test_after_its_start_a_moving_average_does_not_raise_the_error(start):
    """Means divided by counts once more shrink to nothing at the second step; here every step on one batch helps."""
    latents = 3 + clouds(400, 8)
    codebook = EMACodebook(32, 8, start)
    codebook.prepare(latents)
    errors, lengths = [error(latents, codebook.weight)], [codebook.weight.norm(dim=1).mean()]
    for _ in range(5):
        codebook.update(latents, nearest(latents, codebook.weight), "l2")
        errors.append(error(latents, codebook.weight))
        lengths.append(codebook.weight.norm(dim=1).mean())
    assert all(after <= before * (1 + 1e-5) for before, after in zip(errors, errors[1:], strict=False)), errors
    assert lengths[-1] > 0.9 * lengths[0]


@pytest.mark.trap("T6", "ema")
def test_codevectors_that_kmeans_has_settled_do_not_move():
    """They are the means of their latents already, so a moving average of the same batch has nothing to add."""
    latents = clouds(300)
    codebook = EMACodebook(8, 4, "kmeans")
    codebook.prepare(latents)
    position = codebook.weight.clone()
    for _ in range(10):
        codebook.update(latents, nearest(latents, codebook.weight), "l2")
    torch.testing.assert_close(codebook.weight, position, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("start", FROM_DATA)
@pytest.mark.parametrize("rule", [Codebook, EMACodebook])
def test_the_first_training_batch_starts_a_codebook_and_no_other_does(rule, start):
    codebook = rule(4, 2, start)
    codebook.prepare(torch.randn(9, 2))
    position = codebook.weight.detach().clone()
    codebook.prepare(5 + torch.randn(9, 2))
    assert torch.equal(codebook.weight, position) and codebook.started


def test_the_first_forward_in_evaluation_mode_does_not_start_it():
    quantizer = build("vq", dim=4, codebook_size=8, start="kmeans").eval()
    quantizer(torch.randn(1, 5, 5, 4))
    assert not quantizer.codebook.started and quantizer.codebook.weight.abs().max() <= 1 / 8


@pytest.mark.trap("T34", "vq", "ema", "pq", "rvq", "rq", "looc", "adaptive", "factorized", "multiscale", "hvq")
@pytest.mark.parametrize("start", FROM_DATA)
def test_a_loaded_codebook_does_not_start_again(start):
    """That it has started is part of its state."""
    quantizer = build("vq", dim=4, codebook_size=8, start=start)
    quantizer(torch.randn(1, 5, 5, 4))
    other = build("vq", dim=4, codebook_size=8, start=start)
    other.load_state_dict(quantizer.state_dict())
    other(7 + torch.randn(1, 5, 5, 4))
    assert torch.equal(other.codebook.weight, quantizer.codebook.weight)


def test_latents_take_part_as_they_are():
    latents = torch.randn(50, 3)
    codebook = EMACodebook(20, 3, "latents")
    codebook.prepare(latents)
    assert all((latents == row).all(1).any() for row in codebook.weight) and len(codebook.weight.unique(dim=0)) == 20


def test_random_starts_have_the_spread_they_say():
    uniform, normal = draw("uniform", 100, 500), draw("normal", 100, 500)
    assert uniform.abs().max() <= 0.01 and uniform.std().item() == pytest.approx(0.01 / 3**0.5, rel=0.02)
    assert normal.mean().item() == pytest.approx(0, abs=0.02) and normal.std().item() == pytest.approx(1, rel=0.02)
