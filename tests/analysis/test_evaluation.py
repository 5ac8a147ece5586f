"""Measuring a tokenizer over a data set: numbers that can be worked out, whatever the batches are."""

import pytest
import torch

from vqzoo.analysis import evaluation, measurements
from vqzoo.analysis.evaluation import evaluate
from vqzoo.analysis.photograph import reconstruct
from vqzoo.autoencoders import Autoencoder, build_autoencoder, build_position
from vqzoo.metrics.fid import Extractor, Fid
from vqzoo.metrics.fidelity import PSNR_CAP, l1, psnr, ssim
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


class Colours(Extractor):
    """In place of a network: the mean of each colour."""

    metric = "rfid_squeeze"
    num_features = 3

    def forward(self, images):
        return images.float().mean((2, 3))


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
    measure = {"perceptual": Mean(), "extractors": [Colours()]}
    whole, *others = (evaluate(tokenizer, images, **measure, batch_size=size) for size in (11, 4, 1))
    for other in others:
        assert other.metrics.keys() == whole.metrics.keys()
        bounds = {name: pytest.approx(each, rel=1e-4) for name, each in whole.metrics["intervals"].items()}
        for metric, value in (whole.metrics | {"intervals": bounds}).items():
            expected = pytest.approx(value, rel=1e-4) if isinstance(value, float) else value
            assert other.metrics[metric] == expected, metric
        counts = (
            None if each.counts is None else [column.tolist() for column in each.counts] for each in (other, whole)
        )
        assert next(counts) == next(counts)


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
    assert [len(column) for column in result.counts] == [16] * 8
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


def test_distances_of_features_are_those_of_all_images_and_none_where_there_are_none():
    tokenizer, images = make(), photos()
    restored = to_bytes(tokenizer(from_bytes(images)).images.detach())
    fid = Fid(Colours())
    fid.update(restored, images)
    metrics = evaluate(tokenizer, images, extractors=[Colours()], batch_size=3).metrics
    assert metrics["rfid_squeeze"] == pytest.approx(fid.compute()) and metrics["rfid"] is None
    metrics = evaluate(tokenizer, images).metrics
    assert metrics["rfid_squeeze"] is None and metrics["rfid"] is None


def test_a_batch_holds_a_number_of_pixels_not_of_images(monkeypatch):
    """A decoder of 256 x 256 images has no memory for 250 of them at once."""
    sizes = []

    def spy(images):
        sizes.append(tuple(images.shape))
        return from_bytes(images)

    monkeypatch.setattr(evaluation, "from_bytes", spy)
    monkeypatch.setattr(measurements, "_PIXELS", 1024)
    evaluate(make(), photos())
    evaluate(make(), torch.zeros(2, 3, 40, 64, dtype=torch.uint8))
    assert sizes == [(4, 3, 16, 16), (4, 3, 16, 16), (3, 3, 16, 16), (1, 3, 40, 64), (1, 3, 40, 64)]


@pytest.fixture
def two_levels():
    """4 x 4 latents of 16 codevectors over 8 x 8 latents of two segments, each of one of 8 codevectors."""
    quantizers = [build("vq", dim=DIM, codebook_size=16), build("pq", dim=DIM, segments=2, codebook_size=8)]
    return Tokenizer(Coarse(), quantizers, build_position("none", dim=DIM), 16).eval()


class Coarse(Autoencoder):
    """Colours, made up to DIM channels, of every fourth and of every second pixel."""

    def __init__(self):
        super().__init__(3, DIM, (4, 2))
        self.widen = torch.nn.Conv2d(3, DIM, 1)

    def encode(self, images):
        return self.widen(images)

    def latents(self, features, *coarser):
        return features[:, :, :: self.strides[len(coarser)], :: self.strides[len(coarser)]]

    def decode(self, *latents):
        return torch.nn.functional.interpolate(latents[1][:, :3], scale_factor=2)


def test_the_columns_of_all_levels_are_counted(two_levels):
    images = photos()
    result = evaluate(two_levels, images, batch_size=3)
    coarse, fine = two_levels.encode(from_bytes(images)).grids
    columns = [coarse[..., 0], fine[..., 0], fine[..., 1]]
    assert [column.sum().item() for column in result.counts] == [11 * 16, 11 * 64, 11 * 64]
    for counted, indices, size in zip(result.counts, columns, (16, 8, 8), strict=True):
        assert torch.equal(counted, torch.bincount(indices.flatten(), minlength=size))
    used = [len(column.unique()) for column in columns]
    metrics = result.metrics
    assert (metrics["usage"], metrics["dead"]) == (sum(used) / 32, 32 - sum(used))
    first, second = metrics["levels"]
    assert (first["usage"], first["dead"]) == (used[0] / 16, 16 - used[0])
    assert (second["usage"], second["dead"]) == (sum(used[1:]) / 16, 16 - sum(used[1:]))
    assert metrics["perplexity"] == pytest.approx((first["perplexity"] + 2 * second["perplexity"]) / 3)
    assert metrics["bits_per_image"] == 16 * 4 + 64 * 2 * 3
    assert "levels" not in evaluate(make(), images).metrics


def test_levels_of_which_one_cannot_be_counted_are_not_counted(two_levels):
    two_levels.quantizer[0] = build("none", dim=DIM)
    result = evaluate(two_levels, photos(2))
    assert result.counts is None and result.metrics["usage"] is None and "levels" not in result.metrics


def test_a_level_that_chooses_among_codebooks_tells_it(two_levels):
    two_levels.quantizer[1] = build("adaptive", dim=DIM, capacity=8, codebooks=2).eval()
    first, second = evaluate(two_levels, photos()).metrics["levels"]
    assert "selection" not in first and sum(second["selection"].values()) == pytest.approx(1)


def test_a_photograph_has_the_same_columns(two_levels):
    pixels = torch.randint(0, 256, (18, 21, 3), dtype=torch.uint8)
    result = reconstruct(two_levels, pixels.numpy())
    assert result.codebook_of == (0, 1, 2) and [len(column) for column in result.counts] == [16, 8, 8]
    assert [column.sum().item() for column in result.counts] == [5 * 6, 10 * 12, 10 * 12]  # padded to 20 x 24
    assert len(result.metrics["levels"]) == 2 and result.pixels.shape == (18, 21, 3)
    measured = evaluate(two_levels, pixels.permute(2, 0, 1)[None]).metrics
    assert result.metrics["levels"] == measured["levels"]
    for metric in ("psnr", "ssim", "l1", "usage", "dead", "perplexity", "bits_per_image"):
        assert result.metrics[metric] == pytest.approx(measured[metric]), metric


def test_a_perfect_reconstruction():
    class Perfect(torch.nn.Module):
        def __init__(self, tokenizer):
            super().__init__()
            self.tokenizer = tokenizer.eval()
            self.quantizers, self.bits = tokenizer.quantizers, tokenizer.bits
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
