"""Measuring a tokenizer over a data set: numbers that can be worked out, whatever the batches are."""

import pytest
import torch

from vqzoo.analysis.evaluation import evaluate
from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.metrics import PSNR_CAP, l1, psnr, ssim
from vqzoo.ops.pixels import from_bytes, to_bytes
from vqzoo.quantizers import QUANTIZERS, build
from vqzoo.tokenizer import Tokenizer

DIM = 32


def make(name: str = "vq", channels: int = 3, **settings) -> Tokenizer:
    autoencoder = build_autoencoder(
        "conv", channels=channels, latent_dim=DIM, width=8, residual_width=4, residual_blocks=1
    )
    tokenizer = Tokenizer(autoencoder, build(name, dim=DIM, **settings), build_position("none", dim=DIM), 16)
    latents = tokenizer.autoencoder.encode(torch.rand(4, channels, 16, 16))
    for tensor in tokenizer.quantizer.state_dict().values():
        if tensor.ndim > 1:  # codevectors where latents are, and apart: no index hangs on how a sum was rounded
            tensor.normal_(latents.mean().item(), latents.std().item())
    return tokenizer.eval()


def photos(number: int = 11, channels: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (number, channels, 16, 16), dtype=torch.uint8)


class Mean(torch.nn.Module):
    """In place of LPIPS: how much brighter an image is."""

    name = "mean"

    def forward(self, images, originals):
        return (images.float() - originals.float()).mean((1, 2, 3))


class Nothing(Mean):
    """LPIPS of images that are too small."""

    def forward(self, images, originals):
        return None


@pytest.mark.parametrize("name", QUANTIZERS)
def test_batch_size_does_not_matter(name):
    """11 images in batches of 11, 4 (a rest of 3) and 1; a mean of batch means would weigh the rest too high.

    1e-4 leaves room for a byte or two that round to the other side where convolutions of another batch size do.
    """
    tokenizer, images = make(name), photos()
    images[-1] = 0
    whole, *others = (evaluate(tokenizer, images, Mean(), batch_size) for batch_size in (11, 4, 1))
    for other in others:
        assert other.metrics.keys() == whole.metrics.keys()
        for metric, value in whole.metrics.items():
            expected = pytest.approx(value, rel=1e-4) if isinstance(value, float) else value
            assert other.metrics[metric] == expected, metric
        assert other.counts is None if whole.counts is None else torch.equal(other.counts, whole.counts)


def test_numbers_are_those_of_the_bytes_one_would_see():
    tokenizer, images = make(), photos()
    restored = to_bytes(tokenizer(from_bytes(images)).images.detach())
    metrics = evaluate(tokenizer, images, batch_size=3).metrics
    assert metrics["l1"] == pytest.approx(l1(restored, images).mean().item(), rel=1e-5)
    assert metrics["psnr"] == pytest.approx(psnr(restored, images).mean().item(), rel=1e-5)
    assert metrics["ssim"] == pytest.approx(ssim(restored, images).mean().item(), abs=1e-6)
    assert metrics["protocol"] == "lossless" and metrics["num_images"] == 11


def test_usage_is_that_of_the_whole_set():
    """Eight codevectors are latents of the set, of different images; the other eight are far away."""
    tokenizer, images = make("ema", codebook_size=16), photos()
    latents = tokenizer.autoencoder.encode(from_bytes(images)).detach().permute(0, 2, 3, 1)
    weight = torch.cat([latents[:8, 0, 0], torch.full((8, DIM), 100.0)])
    tokenizer.quantizer.codebook.weight.copy_(weight[torch.randperm(16)])
    result = evaluate(tokenizer, images, batch_size=2)
    indices = tokenizer.encode(from_bytes(images)).grids[0]
    assert torch.equal(result.counts[0], torch.bincount(indices.flatten(), minlength=16))
    assert (result.metrics["usage"], result.metrics["dead"]) == (0.5, 8)
    assert 1 < result.metrics["perplexity"] < 8


def test_a_shared_codebook_is_counted_once():
    tokenizer, images = make("looc", segments=8, codebook_size=16), photos()
    result = evaluate(tokenizer, images)
    used = len(tokenizer.encode(from_bytes(images)).grids[0].unique())
    assert result.counts.shape == (8, 16)
    assert (result.metrics["usage"], result.metrics["dead"]) == (used / 16, 16 - used)


@pytest.mark.parametrize(
    ("channels", "bits", "settings"),
    [
        (3, 160, {"name": "vq", "codebook_size": 1024}),  # 4 x 4 cells of 10 bits
        (1, 160, {"name": "vq", "codebook_size": 1024}),
        (3, 4096, {"name": "looc", "segments": 8, "codebook_size": 256, "factor": 2}),  # 8 x 8 cells of 8 x 8 bits
        (3, 16384, {"name": "none"}),  # 16 cells of 32 x 32 bits
    ],
)
def test_rates_by_hand(channels, bits, settings):
    metrics = evaluate(make(channels=channels, **settings), photos(2, channels)).metrics
    assert metrics["bits_per_image"] == bits
    assert metrics["bits_per_pixel"] == bits / 256
    assert metrics["share_of_raw"] == bits / (256 * 8 * channels)


def test_a_choice_among_codebooks_is_told_and_paid_for():
    tokenizer, images = make("adaptive", capacity=8, codebooks=2), photos()
    indices = tokenizer.encode(from_bytes(images)).grids[0]
    first = (indices < 4).double().mean().item()  # 4 x 2, then 8 x 1
    metrics = evaluate(tokenizer, images, batch_size=3).metrics
    assert metrics["selection"] == {"4 x 2": pytest.approx(first), "8 x 1": pytest.approx(1 - first)}
    assert metrics["bits_per_image"] == pytest.approx(16 * (1 + 2 * first + 3 * (1 - first)))
    assert "selection" not in evaluate(make(), images).metrics


def test_a_plain_autoencoder_has_no_usage():
    result = evaluate(make("none"), photos(2))
    assert result.counts is None
    assert [result.metrics[name] for name in ("usage", "dead", "perplexity")] == [None] * 3


def test_lpips_is_none_where_there_is_none():
    tokenizer, images = make(), photos(2)
    for missing in (None, Nothing()):
        metrics = evaluate(tokenizer, images, missing).metrics
        assert metrics["lpips"] is None and metrics["lpips_network"] is None
    metrics = evaluate(tokenizer, images, Mean()).metrics
    assert metrics["lpips"] is not None and metrics["lpips_network"] == "mean"


def test_a_perfect_reconstruction():
    class Perfect(torch.nn.Module):
        def __init__(self, tokenizer):
            super().__init__()
            self.tokenizer = tokenizer.eval()
            self.quantizer, self.bits = tokenizer.quantizer, tokenizer.bits
            self.eval()

        def forward(self, images):
            return type("Out", (), {"images": images, "tokens": self.tokenizer.encode(images)})

    metrics = evaluate(Perfect(make()), photos()).metrics
    assert (metrics["l1"], metrics["psnr"]) == (0, PSNR_CAP) and metrics["ssim"] == pytest.approx(1, abs=1e-5)


def test_measuring_changes_nothing():
    tokenizer = make("ema")
    before = {key: value.clone() for key, value in tokenizer.state_dict().items()}
    evaluate(tokenizer, photos())
    assert all(torch.equal(before[key], value) for key, value in tokenizer.state_dict().items())


def test_an_empty_set_is_an_error():
    with pytest.raises(ValueError, match="the set is empty"):
        evaluate(make(), photos(0))
