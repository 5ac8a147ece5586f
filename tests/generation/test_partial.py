"""Sequences that are known in part: nothing that is kept changes, and every value has its place in the image."""

import pytest
import torch

import vqzoo
from vqzoo.generation.partial import allowed, continued, filled, neutral, over_image, upper_half
from vqzoo.generation.prior import Sampling
from vqzoo.generation.table import build_prior
from vqzoo.tokens.sequences import Sequences

RASTER, SCALES, RESIDUAL = "cifar10-ema-1024x128", "cifar10-multiscale-1024x128", "cifar10-rvq-8x256"


def small(name, kind="ar", order="raster", classes=0):
    torch.manual_seed(0)
    tokenizer = vqzoo.load(name)
    return tokenizer, build_prior(
        kind, Sequences(tokenizer, (16, 16), order, classes), width=16, depth=1, heads=2
    ).eval()


@pytest.mark.parametrize("name", [RASTER, SCALES, RESIDUAL])
def test_a_sum_over_the_image_loses_nothing(name):
    tokenizer, prior = small(name)
    values = torch.rand(2, prior.sequences.length)
    values[:, 0] = 0
    cells = over_image(tokenizer, prior.sequences.grids(values))
    torch.testing.assert_close(cells.sum((1, 2)), values.sum(1))
    assert cells.shape[1:] == ((8, 8) if name == SCALES else (4, 4)), "which is padded to 32 x 32 pixels"


def test_a_coarse_token_is_spread_over_its_cells():
    tokenizer, prior = small(SCALES)
    values = torch.zeros(1, prior.sequences.length)
    values[:, 1] = 64  # the one token of the coarsest scale
    assert torch.equal(over_image(tokenizer, prior.sequences.grids(values)), torch.ones(1, 8, 8))


def test_neutral_tokens_are_the_codevectors_nearest_to_zero():
    tokenizer, prior = small(RASTER, classes=3)
    sequence = neutral(tokenizer, prior.sequences)
    (book,) = tokenizer.quantizer.codebooks()
    norms = book(torch.arange(1024)).norm(dim=1)
    assert set(sequence[2:].tolist()) == {int(norms.argmin())}
    assert allowed(prior.sequences, sequence[None]).all()


def test_what_is_known_is_left_and_the_rest_is_neutral():
    tokenizer, prior = small(RESIDUAL, "ar-delay", "delayed")
    sequences = prior.sequences
    (whole,) = prior.sequences.flatten(prior.sample(1))
    state = whole[None, :80].clone()
    state[0, 60] = sequences.pad  # a token that may not stand there: masked
    where = allowed(sequences, state)
    assert where.sum() == 79 and not where[0, 60]
    full = filled(state, where, neutral(tokenizer, sequences))
    sequences.unflatten(full)
    assert torch.equal(full[where], whole[None][where])


@pytest.mark.parametrize(
    ("name", "kind", "order"),
    [
        (RASTER, "ar", "raster"),
        (SCALES, "ar", "by-level"),
        (RESIDUAL, "ar", "by-level"),
        (RESIDUAL, "ar-delay", "delayed"),
    ],
)
def test_the_upper_half_is_kept_and_the_lower_is_drawn(name, kind, order):
    tokenizer, prior = small(name, kind, order)
    sequences = prior.sequences
    before = sequences.flatten(prior.sample(2, Sampling(seed=1)))
    kept = upper_half(tokenizer, sequences)
    *_, after = continued(prior, before, kept, Sampling(seed=2))
    assert torch.equal(after[:, kept], before[:, kept])
    assert (after != before)[:, ~kept].float().mean() > 0.9
    if name != SCALES:
        (grid,) = sequences.grids(kept.float()[None])
        assert grid[0, :2].all() and not grid[0, 2:].any()


def test_nothing_kept_is_a_sample():
    _, prior = small(RASTER, classes=2)
    sequences = prior.sequences
    prompt = sequences.prompt(torch.tensor([1, 0]))
    start = torch.cat([prompt, torch.zeros(2, sequences.length - 2, dtype=torch.long)], 1)
    *_, last = continued(prior, start, torch.arange(sequences.length) < 2, Sampling(seed=3))
    expected = prior.sample(torch.tensor([1, 0]), Sampling(seed=3))
    assert torch.equal(sequences.unflatten(last).grids[0], expected.grids[0])
