"""Autoregressive priors: a distribution over tokens, and samples of exactly that distribution."""

import pytest
import torch
from transformers import LlamaForCausalLM

from tests.generation.toys import every_image, prior, shares
from vqzoo.generation.prior import Sampling
from vqzoo.tokenizer import Tokens

KINDS = [
    ("ar", "rvq", "raster"),
    ("ar-delay", "rvq", "delayed"),
    ("ar-depth", "rvq", "raster"),
    ("ar-signs", "lfq", "raster"),
    ("ar-scale", "multiscale", "by-level"),
]


@pytest.mark.parametrize(
    ("kind", "quantizer", "order", "classes", "images"),
    [
        ("ar", "vq", "raster", 0, 81),
        ("ar", "vq", "raster", 2, 81),
        ("ar", "rvq", "by-level", 0, 256),
        ("ar", "rvq", "delayed", 2, 256),
        ("ar-delay", "rvq", "delayed", 2, 256),
        ("ar-delay", "vq", "delayed", 0, 81),
        ("ar-depth", "rvq", "raster", 0, 256),
        ("ar-depth", "rvq", "raster", 2, 256),
        ("ar-signs", "lfq", "raster", 2, 256),
        ("ar-scale", "multiscale", "by-level", 2, 32),
        ("ar-scale", "rvq", "by-level", 0, 256),
    ],
)
def test_probabilities_of_all_images_sum_to_one(kind, quantizer, order, classes, images):
    model = prior(quantizer, order, classes, kind=kind).double()
    tokens = every_image(model)
    assert len(tokens) == images
    labels = torch.zeros(images, dtype=torch.long) if classes else None
    probabilities = 2 ** -model.log_likelihood(tokens, labels)
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-12) and probabilities.std() > 1e-4


def test_bits_of_a_token_are_those_of_transformers():
    model = prior(resolution=4).double()  # one cell
    sequences = model.sequences.flatten(Tokens((torch.tensor([0, 1, 2])[:, None, None, None],), (4, 4)))
    peer = LlamaForCausalLM(model.model.config).double()
    peer.model.load_state_dict(model.model.state_dict())
    logits = peer(input_ids=torch.tensor([[model.sequences.begin]])).logits[0, -1, :3]
    expected = -(logits.exp() / logits.exp().sum()).log2()
    torch.testing.assert_close(model.position_bits(sequences)[:, 1], expected)
    assert (model.position_bits(sequences)[:, 0] == 0).all()


def test_bits_of_an_image_are_the_sum_of_those_of_its_indices():
    model = prior("rvq", "delayed").double()
    tokens = every_image(model)[::7]
    (bits,) = model.bits_by_index(tokens)
    assert bits.shape == tokens.grids[0].shape
    torch.testing.assert_close(bits.sum((1, 2, 3)), model.log_likelihood(tokens))


@pytest.mark.parametrize(
    ("kind", "quantizer", "order", "guidance"), [("ar", "rvq", "by-level", 1.0), *((*kind, 2.5) for kind in KINDS)]
)
def test_neither_cache_nor_batch_changes_a_sample(kind, quantizer, order, guidance):
    model = prior(quantizer, order, classes=3, resolution=16, kind=kind)
    labels, sampling = torch.arange(32) % 3, Sampling(guidance=guidance, seed=5)
    together = model.sample(labels, sampling, batch_size=32)
    alone = model.sample(labels[:4], sampling, batch_size=1)
    prompt = model.sequences.prompt(labels)
    *_, uncached = model.draw(prompt, sampling, cached=False)
    assert torch.equal(together[:4].grids[0], alone.grids[0])
    assert torch.equal(together.grids[0], model.sequences.unflatten(uncached).grids[0])
    other = model.sample(labels[:4], Sampling(guidance=guidance, seed=6))
    assert not torch.equal(alone.grids[0], other.grids[0])


@pytest.mark.parametrize(("kind", "quantizer", "order"), KINDS)
def test_samples_are_as_frequent_as_they_are_likely(kind, quantizer, order):
    model = prior(quantizer, order, resolution=8 if kind == "ar-scale" else 4, kind=kind).double()
    drawn = shares(model, model.sample(3000, batch_size=3000))
    expected = 2 ** -model.log_likelihood(every_image(model))
    assert ((drawn - expected).abs() <= 4 * (expected * (1 - expected) / 3000).sqrt()).all()


@pytest.mark.parametrize(
    ("kind", "quantizer", "order", "message"),
    [
        ("ar-delay", "rvq", "raster", "order='raster': this prior needs 'delayed'"),
        ("ar-scale", "multiscale", "raster", "order='raster': this prior needs 'by-level'"),
        ("ar-scale", "vq", "by-level", "one grid of one index a cell; this prior needs several"),
        ("ar-signs", "vq", "raster", "indices of vq are no signs: this prior needs a tokenizer with lfq or bsq"),
    ],
)
def test_a_prior_names_the_order_and_the_tokenizer_that_it_needs(kind, quantizer, order, message):
    with pytest.raises(ValueError, match=message):
        prior(quantizer, order, kind=kind)


def test_signs_of_a_token_are_independent_of_each_other():
    """Probabilities of two signs are products of those of each sign, which its two embeddings give."""
    model = prior("lfq", resolution=4, kind="ar-signs").double()
    log = -model.log_likelihood(every_image(model))
    assert (log[0] + log[3]).item() == pytest.approx((log[1] + log[2]).item(), abs=1e-12) and log.std() > 0.01
    inner = model.steps.model
    hidden = inner(input_ids=torch.tensor([[4]])).last_hidden_state[0, 0]  # begin, behind 0 to 3
    first = (inner.embed_tokens.weight[:2] @ hidden).softmax(0)
    torch.testing.assert_close(2 ** log[0] + 2 ** log[2], first[0])  # bit 0 of 0 and 2 is 0


def test_signs_follow_from_earlier_tokens_alone_and_are_seen_by_later_ones():
    model = prior("lfq", kind="ar-signs").double()
    bits = model.position_bits(torch.tensor([[4, 1, 2, 3, 0], [4, 1, 2, 0, 0]]))
    assert torch.equal(bits[0, :3], bits[1, :3]) and not torch.isclose(bits[0, 4], bits[1, 4])


def test_tokens_of_a_level_are_independent_given_coarser_ones():
    model = prior("multiscale", "by-level", kind="ar-scale").double()
    coarse, fine = torch.tensor([[2, 0, 1, 0, 1, 1], [2, 1, 1, 0, 1, 1]]), torch.tensor([[2, 0, 1, 1, 0, 1]])
    bits, others = model.position_bits(coarse), model.position_bits(fine)
    assert torch.equal(bits[0, [1, 2, 5]], others[0, [1, 2, 5]]), "others of the level make no difference"
    assert not torch.isclose(bits[0, 2:], bits[1, 2:]).any(), "the coarser level does"
    states = [state.shape[1] for state in model.draw(torch.tensor([[2]]), Sampling())]
    assert states == [2, 6], "a level at a time"


def test_guidance_is_between_the_class_and_none():
    """Logits that are guided by 0 are those without a class, so samples are those of no class."""
    model = prior(classes=2, resolution=16)
    labels = torch.ones(16, dtype=torch.long)
    without = model.sample(-labels, Sampling(seed=3))
    assert torch.equal(model.sample(labels, Sampling(seed=3, guidance=0)).grids[0], without.grids[0])
    assert not torch.equal(model.sample(labels, Sampling(seed=3)).grids[0], without.grids[0])


@pytest.mark.parametrize(("kind", "quantizer", "order"), KINDS)
def test_an_image_is_completed_from_its_first_tokens(kind, quantizer, order):
    model = prior(quantizer, order, resolution=16, kind=kind)
    whole = model.sequences.flatten(model.sample(2))
    *_, again = model.draw(whole[:, :9], Sampling())
    *_, other = model.draw(whole[:, :9], Sampling(seed=1))
    assert torch.equal(again, whole)
    assert torch.equal(other[:, :9], whole[:, :9]) and not torch.equal(other, whole)


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(temperature=0), {0}),
        (Sampling(top_k=2), {0, 2}),
        (Sampling(top_p=0.5), {0}),
        (Sampling(top_p=0.85), {0, 2}),
        (Sampling(), {0, 1, 2}),
    ],
)
def test_tokens_that_can_be_drawn(sampling, expected):
    logits = torch.tensor([0.6, 0.1, 0.3], dtype=torch.float64).log().expand(1001, 3).double()
    drawn = sampling.choose(logits, torch.linspace(0, 1 - 1e-9, 1001, dtype=torch.float64))
    assert set(drawn.tolist()) == expected


def test_shares_of_drawn_tokens_are_their_probabilities():
    logits = torch.tensor([0.6, 0.1, 0.3], dtype=torch.float64).log().expand(1000, 3).double()
    drawn = Sampling().choose(logits, (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000)
    assert drawn.bincount().tolist() == [600, 100, 300]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -1}, "temperature=-1: expected 0 to 100"),
        ({"top_p": 0}, "top_p=0: expected more than 0 and at most 1"),
        ({"top_k": -1}, "top_k=-1"),
        ({"guidance": float("nan")}, "guidance=nan: expected 0 to 100"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_settings_out_of_range_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        Sampling(**settings)
