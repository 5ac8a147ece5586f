"""Codecs at matched bits: the file is what counts, the highest quality that fits, and what cannot be met is said."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, features

from vqzoo.analysis import codecs
from vqzoo.analysis.codecs import compress, decode, evaluate_codec
from vqzoo.analysis.examples import examples
from vqzoo.analysis.formats import CODECS, available, label, parse_label
from vqzoo.metrics.fidelity import l1, psnr, ssim


@pytest.fixture(scope="module")
def photograph() -> torch.Tensor:
    """uint8 (3, 40, 64), cut out of a bundled one."""
    pixels = np.array(Image.open(next(iter(examples().values()))).convert("RGB"))
    return torch.from_numpy(pixels[60:100, 40:104]).permute(2, 0, 1).contiguous()


@pytest.fixture(params=CODECS)
def codec(request) -> str:
    if not CODECS[request.param].available:
        pytest.skip(f"this build of Pillow has no {request.param}")
    return request.param


def saved(codec: str, image: torch.Tensor, settings: dict, quality: int) -> bytes:
    """Through Pillow, with nothing of the module under test."""
    file = io.BytesIO()
    picture = Image.fromarray(image.permute(1, 2, 0).numpy())
    picture.save(file, {"WebP": "WEBP"}.get(codec, codec), quality=quality, **settings)
    return file.getvalue()


def squared_error(image: torch.Tensor, other: torch.Tensor) -> float:
    return (image.float() - other.float()).square().sum().item()


@pytest.mark.parametrize("bits", [8_000, 16_000, 10**9])
def test_no_setting_that_fits_is_better(codec, photograph, bits):
    """Against every quality of every variant, one by one."""
    coded = compress(codec, photograph, bits)
    assert coded.met and coded.bits == 8 * len(coded.file) <= bits
    best = []
    for settings in CODECS[codec].variants:
        fits = [(q, file) for q in range(101) if len(file := saved(codec, photograph, settings, q)) * 8 <= bits]
        best.append(max(fits) if fits else (-1, b""))
    assert (coded.quality, coded.file) in best
    errors = [squared_error(decode(file, photograph), photograph) for _, file in best if file]
    assert squared_error(coded.image, photograph) == min(errors)


def test_the_picture_is_what_the_file_holds(codec, photograph):
    coded = compress(codec, photograph, 30_000)
    pixels = np.array(Image.open(io.BytesIO(coded.file)).convert("RGB"))
    assert np.array_equal(coded.image.permute(1, 2, 0).numpy(), pixels)
    assert coded.image.shape == photograph.shape and coded.image.dtype == torch.uint8
    assert squared_error(coded.image, photograph) / photograph.numel() < 500, "the same picture, not another"


def test_what_is_too_little_gives_the_smallest_file_and_says_so(codec, photograph):
    tiny = photograph[:, :32, :32].contiguous()
    coded = compress(codec, tiny, 80)
    sizes = [len(saved(codec, tiny, settings, 0)) for settings in CODECS[codec].variants]
    assert not coded.met and coded.quality == 0 and len(coded.file) == min(sizes) > 10


def test_more_bits_are_no_worse(codec, photograph):
    errors = [squared_error(compress(codec, photograph, bits).image, photograph) for bits in (8_000, 16_000, 64_000)]
    assert errors == sorted(errors, reverse=True) and errors[0] > errors[-1]


def test_a_grey_picture_stays_grey(codec, photograph):
    grey = photograph[:1]
    coded = compress(codec, grey, 30_000)
    assert coded.image.shape == grey.shape and coded.met
    assert squared_error(coded.image, grey) / grey.numel() < 200


def test_metrics_over_a_set_are_means_over_images(codec, photograph):
    images = torch.stack([photograph, photograph.flip(2), 255 - photograph])
    measured = evaluate_codec(codec, images, 12_000)
    each = [compress(codec, image, 12_000) for image in images]
    restored = torch.stack([coded.image for coded in each])
    for name, metric in (("psnr", psnr), ("ssim", ssim), ("l1", l1)):
        assert measured[name] == pytest.approx(metric(restored, images).mean().item(), rel=1e-5)
    assert measured["bits_per_image"] == pytest.approx(sum(coded.bits for coded in each) / 3)
    assert measured["bits_per_pixel"] == pytest.approx(measured["bits_per_image"] / (40 * 64))
    assert measured["quality"] == pytest.approx(sum(coded.quality for coded in each) / 3)
    assert measured["met"] == 1 and measured["num_images"] == 3 and measured["lpips"] is None


def test_the_share_that_could_be_met_is_told(photograph):
    images = torch.stack([photograph, torch.zeros_like(photograph)])
    blank, full = (compress("JPEG", image, 0).bits for image in (images[1], images[0]))
    assert blank < full
    assert evaluate_codec("JPEG", images, blank)["met"] == 0.5


def test_a_codec_that_this_build_lacks(monkeypatch, photograph):
    monkeypatch.setattr(features, "check", lambda feature: feature != "avif")
    assert available() == ["JPEG", "WebP"]
    with pytest.raises(ValueError, match="codec='AVIF': this build of Pillow lacks it; available: JPEG, WebP"):
        compress("AVIF", photograph, 1000)


@pytest.mark.parametrize("wrong", [torch.zeros(2, 8, 8, dtype=torch.uint8), torch.zeros(3, 8, 8)])
def test_what_is_no_picture(wrong):
    with pytest.raises(ValueError, match=r"expected uint8 of shape \(3 or 1, height, width\)"):
        compress("JPEG", wrong, 1000)


def test_an_unknown_codec(photograph):
    with pytest.raises(ValueError, match="codec='JPG': did you mean 'JPEG'"):
        compress("JPG", photograph, 1000)


def test_names_of_pseudo_models():
    assert label("AVIF", 10_240.4) == "AVIF at 10,240 bits"
    assert parse_label("AVIF at 10,240 bits") == ("AVIF", 10_240)
    assert parse_label("cifar10-vq-1024x128") is None and parse_label("PNG at 5 bits") is None


def test_bisection_takes_the_last_that_fits():
    sizes = [5, 5, 7, 9, *range(10, 107)]
    for limit in (5, 6, 7, 9, 50, 105, 106, 1000):
        quality, file, fits = codecs._highest(lambda q: bytes(sizes[q]), limit)
        assert (
            fits and quality == max(q for q, size in enumerate(sizes) if size <= limit) and len(file) == sizes[quality]
        )
    assert codecs._highest(lambda q: bytes(sizes[q]), 4) == (0, bytes(5), False)
