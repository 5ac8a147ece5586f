"""MaskGIT: bits by hand, estimates that are right on average, and rounds that follow the schedule."""

import math

import numpy as np
import pytest
import torch

from tests.generation.toys import NETWORK, every_image, prior, shares
from vqzoo.generation.prior import Sampling


def maskgit(*arguments, **settings):
    return prior(*arguments, **settings, kind="maskgit").double()


class Numbers(np.random.Generator):
    """A generator whose numbers are given."""

    def __init__(self, *numbers: float):
        super().__init__(np.random.PCG64(0))
        self.numbers = numbers

    def random(self, size):
        assert size == len(self.numbers)
        return np.array(self.numbers)


def two_tokens():
    """Return a prior of two tokens, 0 or 1 and 2 or 3, and the bits of 1 and 3: each alone, and given the other."""
    model = maskgit("rvq", resolution=4)
    begin, pad = model.sequences.begin, model.sequences.pad

    def bits(*given: int) -> list[float]:
        features = model.features(torch.tensor([[begin, *given]]))[0, 1:]
        tables = model.model.embed_tokens.weight[:4].unflatten(0, (2, 2))
        logits = torch.einsum("tkd,td->tk", tables, features)  # of tokens 0 and 1, and of 2 and 3
        return (-logits.log_softmax(1)[:, 1] / math.log(2)).tolist()

    alone = bits(pad, pad)
    return model, alone, [bits(pad, 3)[0], bits(1, pad)[1]]


@pytest.mark.parametrize(("quantizer", "classes", "images"), [("vq", 2, 81), ("rvq", 0, 256)])
def test_probabilities_of_all_images_sum_to_one(quantizer, classes, images):
    model = maskgit(quantizer, classes=classes)
    labels = torch.zeros(images, dtype=torch.long) if classes else None
    probabilities = 2 ** -model.log_likelihood(every_image(model), labels)
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-12) and probabilities.std() > 1e-4


def test_bits_of_two_tokens_by_hand():
    model, alone, given = two_tokens()
    bits = model.position_bits(torch.tensor([[4, 1, 3]]))[0].tolist()
    orders = ([0, alone[0], given[1]], [0, given[0], alone[1]])
    assert any(bits == pytest.approx(order, abs=1e-12) for order in orders) and alone[0] != given[0]


def test_the_estimate_is_the_average_over_orders():
    """Average over all draws by their frequency: one or both hidden, the first or the second before."""
    model, alone, given = two_tokens()
    draws = [Numbers(hidden, *ranks) for hidden in (0.2, 0.7) for ranks in ((0.1, 0.9), (0.9, 0.1))]
    sequences = torch.tensor([[4, 1, 3]]).repeat(4, 1)
    orders = (alone[0] + given[1], alone[1] + given[0])
    assert model.held_out(sequences, draws).mean().item() == pytest.approx(sum(orders) / 2, abs=1e-12)


def test_training_hides_as_many_tokens_as_the_cosine_says():
    model, alone, given = two_tokens()
    sequences = torch.tensor([[4, 1, 3]]).repeat(2, 1)
    # cos(pi / 2 * 0.4) * 2 = 1.6, so both; cos(pi / 2 * 0.8) * 2 = 0.6, so one, here the second
    losses = model.training_loss(sequences, [Numbers(0.4, 0.5, 0.5), Numbers(0.8, 0.9, 0.1)])
    assert (losses * 4 / math.pi).tolist() == pytest.approx([sum(alone), given[1]], abs=1e-12)


def test_every_token_sees_every_other():
    model = maskgit()
    features = model.features(torch.tensor([[3, 0, 1, 2, 0], [3, 0, 1, 2, 1], [3, 1, 1, 2, 0]]))
    assert not torch.isclose(features[0], features[1]).all(1).any()
    assert not torch.isclose(features[0], features[2]).all(1).any()


@pytest.mark.parametrize("guidance", [1.0, 2.5])
def test_the_batch_does_not_change_a_sample(guidance):
    model = prior("rvq", classes=3, resolution=16, kind="maskgit")
    labels, sampling = torch.arange(32) % 3, Sampling(guidance=guidance, seed=5)
    together = model.sample(labels, sampling, batch_size=32)
    alone = model.sample(labels[:4], sampling, batch_size=1)
    assert torch.equal(together[:4].grids[0], alone.grids[0])
    other = model.sample(labels[:4], Sampling(guidance=guidance, seed=6))
    assert not torch.equal(alone.grids[0], other.grids[0])


def test_guidance_is_between_the_class_and_none():
    model = maskgit(classes=2, resolution=16)
    labels = torch.ones(16, dtype=torch.long)
    without = model.sample(-labels, Sampling(seed=3))
    assert torch.equal(model.sample(labels, Sampling(seed=3, guidance=0)).grids[0], without.grids[0])
    assert not torch.equal(model.sample(labels, Sampling(seed=3)).grids[0], without.grids[0])


def test_a_round_draws_tokens_as_often_as_they_are_likely():
    """In one round two tokens are independent, each as likely as it is with both hidden."""
    model, alone, _ = two_tokens()
    model.rounds = 1
    first, second = (2**-bits for bits in alone)
    expected = [(1 - first) * (1 - second), (1 - first) * second, first * (1 - second), first * second]
    drawn = shares(model, model.sample(3000, batch_size=3000)).tolist()
    assert drawn == pytest.approx(expected, abs=4 * 0.5 / 3000**0.5)


def test_rounds_show_what_the_cosine_says_and_change_nothing_that_is_known():
    model = maskgit(classes=2, resolution=32, network={**NETWORK, "rounds": 8})
    pad = model.sequences.pad
    states = list(model.draw(model.sequences.prompt(torch.tensor([0, -1])), Sampling()))
    hidden = [(state[:, 2:] == pad).sum(1).tolist() for state in states]
    assert hidden == [[int(64 * math.cos(math.pi / 2 * number / 8))] * 2 for number in range(1, 8)] + [[0, 0]]
    for before, after in zip(states, states[1:], strict=False):
        assert ((before == after) | (before == pad)).all()
    assert states[-1][:, :2].tolist() == [[3, 5], [3, 4]], "no class, pad, is no hidden token"


def test_the_most_confident_tokens_are_shown_first():
    """Without randomness each round shows the tokens whose values are likeliest."""
    model = maskgit(resolution=16, network={**NETWORK, "rounds": 4})
    prompt = model.sequences.prompt(1)
    first = next(model.draw(prompt, Sampling(temperature=0)))[0, 1:]
    features = model.features(torch.nn.functional.pad(prompt, (0, 16), value=model.sequences.pad))[0, 1:]
    likeliest = (features @ model.model.embed_tokens.weight[:3].T).softmax(1).amax(1)
    shown = first != model.sequences.pad
    assert shown.sum() == 2 and likeliest[shown].min() >= likeliest[~shown].max()


def test_what_is_given_stays_wherever_it_is():
    model = maskgit(resolution=16)
    sequences, pad = model.sequences, model.sequences.pad
    whole = sequences.flatten(model.sample(2))
    *_, completed = model.draw(whole[:, :9], Sampling(seed=1))
    assert torch.equal(completed[:, :9], whole[:, :9]) and not torch.equal(completed, whole)
    holes = whole.clone()
    holes[0, 3:12], holes[1, 14:] = pad, pad  # as many as differ from image to image
    *_, filled = model.draw(holes, Sampling(seed=1))
    assert torch.equal(filled[holes != pad], whole[holes != pad])
    sequences.unflatten(filled)  # none is hidden
    *_, alone = model.draw(holes[1:], Sampling(seed=1), first=1)
    assert torch.equal(alone[0], filled[1])
