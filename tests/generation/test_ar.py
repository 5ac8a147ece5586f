"""The autoregressive prior: a distribution over tokens, and samples of exactly that distribution."""

import itertools

import pytest
import torch
from transformers import LlamaForCausalLM

from vqzoo.generation.prior import Prior, Sampling
from vqzoo.generation.table import build_prior
from vqzoo.tokenizer import Tokenizer, Tokens
from vqzoo.tokens.sequences import Sequences

QUANTIZERS = {
    "vq": {"name": "vq", "codebook_size": 3, "dim": 4},
    "rvq": {"name": "rvq", "codebook_size": 2, "levels": 2, "dim": 4},
}


def prior(
    quantizer: str = "vq", order: str = "raster", classes: int = 0, resolution: int = 8, kind: str = "ar"
) -> Prior:
    """An untrained prior of images of 8 x 8 pixels, which are 2 x 2 cells; weights are large enough to matter."""
    torch.manual_seed(0)
    tokenizer = Tokenizer.from_config(
        {
            "format": 1,
            "resolution": resolution,
            "autoencoder": {"name": "conv", "stride": 4, "channels": 3, "latent_dim": 4},
            "quantizer": QUANTIZERS[quantizer],
            "position": {"name": "none", "dim": 4},
        }
    )
    model = build_prior(kind, Sequences(tokenizer, order=order, classes=classes), width=16, depth=2, heads=2)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return model.eval()


def every_image(model: Prior) -> Tokens:
    """Return all images that there are."""
    sequences = model.sequences
    choices = [
        range(low, high + 1) for low, high in zip(sequences.lows.tolist(), sequences.highs.tolist(), strict=True)
    ]
    if sequences.classes:
        choices[1] = range(sequences.pad, sequences.pad + 1)
    return sequences.unflatten(torch.tensor(list(itertools.product(*choices))))


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
    ("kind", "order", "guidance"),
    [("ar", "by-level", 1.0), ("ar", "by-level", 2.5), ("ar-delay", "delayed", 2.5), ("ar-depth", "raster", 2.5)],
)
def test_neither_cache_nor_batch_changes_a_sample(kind, order, guidance):
    model = prior("rvq", order, classes=3, resolution=16, kind=kind)
    labels, sampling = torch.arange(32) % 3, Sampling(guidance=guidance, seed=5)
    together = model.sample(labels, sampling, batch_size=32)
    alone = model.sample(labels[:4], sampling, batch_size=1)
    prompt = model.sequences.prompt(labels)
    *_, uncached = model.draw(prompt, sampling, cached=False)
    assert torch.equal(together[:4].grids[0], alone.grids[0])
    assert torch.equal(together.grids[0], model.sequences.unflatten(uncached).grids[0])
    other = model.sample(labels[:4], Sampling(guidance=guidance, seed=6))
    assert not torch.equal(alone.grids[0], other.grids[0])


@pytest.mark.parametrize(("kind", "order"), [("ar", "raster"), ("ar-delay", "delayed"), ("ar-depth", "raster")])
def test_samples_are_as_frequent_as_they_are_likely(kind, order):
    model = prior("rvq", order, resolution=4, kind=kind).double()
    first, second = model.sample(3000, batch_size=3000).grids[0].flatten(1).T
    shares = torch.bincount(2 * first + second, minlength=4) / 3000
    expected = 2 ** -model.log_likelihood(every_image(model))
    torch.testing.assert_close(shares.double(), expected, atol=4 * 0.5 / 3000**0.5, rtol=0)


def test_a_prior_of_steps_needs_its_order_and_one_grid():
    with pytest.raises(ValueError, match="order='raster': this prior needs 'delayed'"):
        prior("rvq", "raster", kind="ar-delay")


def test_guidance_is_between_the_class_and_none():
    """Logits that are guided by 0 are those without a class, so samples are those of no class."""
    model = prior(classes=2, resolution=16)
    labels = torch.ones(16, dtype=torch.long)
    without = model.sample(-labels, Sampling(seed=3))
    assert torch.equal(model.sample(labels, Sampling(seed=3, guidance=0)).grids[0], without.grids[0])
    assert not torch.equal(model.sample(labels, Sampling(seed=3)).grids[0], without.grids[0])


@pytest.mark.parametrize(("kind", "order"), [("ar", "raster"), ("ar-delay", "delayed"), ("ar-depth", "raster")])
def test_an_image_is_completed_from_its_first_tokens(kind, order):
    model = prior("rvq", order, resolution=16, kind=kind)
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
