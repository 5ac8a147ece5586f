"""Building by name, and rates counted by hand."""

import pytest
import torch

from vqzoo.quantizers import QUANTIZERS, build

RATES = [
    # 8 x 8 latents of 128 numbers, as a 32 x 32 image has them at stride 4.
    (640, {"name": "vq", "codebook_size": 1024}),  # 64 x 10
    (640, {"name": "ema", "codebook_size": 1024}),
    (640, {"name": "cvq", "codebook_size": 1024}),
    (4096, {"name": "rvq", "levels": 8, "codebook_size": 256}),  # 64 x 8 x 8
    (16384, {"name": "looc", "codebook_size": 256, "segments": 32}),  # 64 x 32 x 8
    (65536, {"name": "looc", "codebook_size": 256, "segments": 32, "factor": 2}),  # 256 x 32 x 8
    (147456, {"name": "looc", "codebook_size": 256, "segments": 32, "factor": 3}),  # 576 x 32 x 8
    (262144, {"name": "looc", "codebook_size": 256, "segments": 32, "factor": 4}),  # 1024 x 32 x 8
    (10240, {"name": "looc", "codebook_size": 32, "segments": 32}),  # 64 x 32 x 5
    (262144, {"name": "none"}),  # 64 x 128 x 32
]


@pytest.mark.parametrize(("bits", "settings"), RATES)
def test_bits_of_an_image_by_hand(bits, settings):
    quantizer = build(dim=128, **settings)
    indices = quantizer.encode(torch.randn(2, 8, 8, 128))
    assert quantizer.bits(indices).tolist() == [bits, bits]


def test_bits_of_an_alphabet_that_is_no_power_of_two():
    quantizer = build("vq", dim=4, codebook_size=10)
    assert quantizer.bits(torch.zeros(1, 3, 5, 1, dtype=torch.int64)).item() == pytest.approx(15 * 3.321928094887362)


@pytest.mark.parametrize("name", QUANTIZERS)
def test_a_name_and_a_dim_are_enough(name):
    quantizer = build(name, dim=128)
    assert quantizer.dim == 128 and quantizer.config["name"] == name and quantizer.config["dim"] == 128
    assert quantizer(torch.randn(1, 2, 2, 128)).latents.shape == (1, 2, 2, 128)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "looq"}, r"quantizer='looq': did you mean 'looc'.*known: none, vq"),
        ({"name": "looc", "codebok_size": 8}, r"did you mean 'codebook_size'"),
        ({"name": "looc", "rule": "emma"}, r"rule='emma': did you mean 'ema'\? known: gradient, ema, cvq"),
        ({"name": "vq", "metric": "cosin"}, r"metric='cosin': did you mean 'cosine'\? known: l2, cosine"),
        ({"name": "looc", "segments": 24}, r"segments=24: dim=32 cannot be cut .* possible: \[1, 2, 4, 8, 16, 32\]"),
        ({"name": "looc", "segments": 64}, r"possible: \[1, 2, 4, 8, 16, 32\]"),
        ({"name": "looc", "segments": 0}, r"segments=0: expected a whole number from 1"),
        ({"name": "looc", "factor": 0}, r"factor=0: expected a whole number from 1 to 4"),
        ({"name": "looc", "factor": 5}, r"factor=5: expected a whole number from 1 to 4"),
        ({"name": "looc", "factor": 2.0}, r"factor=2.0: expected a whole number"),
        ({"name": "looc", "dim": "32"}, r"dim='32': expected a whole number"),
        ({"name": "rvq", "levels": 0}, r"levels=0: expected a whole number from 1 to 256"),
        ({"name": "rvq", "levels": "8"}, r"levels='8': expected a whole number"),
        ({"name": "vq", "codebook_size": 0}, r"codebook_size=0: expected a whole number from 1 to 1048576"),
        ({"name": "vq", "codebook_size": 10**9}, r"codebook_size=1000000000: expected a whole number"),
        ({"name": "vq", "codebook_size": True}, r"codebook_size=True: expected a whole number"),
        ({"name": "vq", "codebook_size": "512"}, r"codebook_size='512': expected a whole number"),
        ({"name": "vq", "dim": 0}, r"dim=0: expected a whole number"),
        ({"name": "none", "dim": 32.0}, r"dim=32.0: expected a whole number"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_right(settings, message):
    with pytest.raises(ValueError, match=message):
        build(**{"dim": 32, **settings})


def test_dim_has_no_default():
    with pytest.raises(ValueError, match="missing a required argument: 'dim'"):
        build("vq")
