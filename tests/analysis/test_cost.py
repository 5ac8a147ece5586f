"""Storage and multiplications, against LooC's formulas by hand and against what torch counts."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vqzoo.analysis.cost import cost
from vqzoo.hub.registry import list_models
from vqzoo.ops.flops import FlopCounterMode
from vqzoo.quantizers import QUANTIZERS, build
from vqzoo.quantizers.cost import Book, Cost

DIM, SIDE = 32, 8

SMALL = {
    "looc": {"codebook_size": 16, "segments": 8, "factor": 2},
    "adaptive": {"capacity": 256, "codebooks": 3},
    "pq": {"codebook_size": 16, "segments": 4},
    "rvq": {"codebook_size": 16, "levels": 3},
    "rq": {"codebook_size": 16, "levels": 3},
    "factorized": {"codebook_size": 64, "code_dim": 8},
    "hvq": {"codebook_size": 16, "levels": 3, "width": 8},
    "multiscale": {"codebook_size": 16, "scales": (1, 2, 4)},
    "gumbel": {"codebook_size": 64},
}

COUNTED_OTHERWISE = {"simvq": 2 * 1024 * DIM**2, "adaptive": -SIDE * SIDE * 256}
"""What torch counts beyond ours: SimVQ's codebook is made anew on either side, which nobody has to do once it is
trained, and the search among codevectors of one number is no matrix product."""


def shipped(name: str) -> Cost:
    (model,) = (model for model in list_models() if model.name == name)
    side = 32 if name.startswith("cifar10") else 256
    return cost(model.config, side, side)


def test_looc_by_hand():
    """8 x 8 latents of 128 numbers. VQ: 64 x 1024 x 128; LooC of 256 x 4 in 32 segments: 64 x 256 x 128."""
    vq, looc = shipped("cifar10-vq-1024x128"), shipped("cifar10-looc-256x4")
    assert (vq.storage, vq.searches) == (4 * 1024 * 128, 8_388_608)
    assert (looc.storage, looc.searches) == (4096, 2_097_152)
    assert shipped("cifar10-looc-256x4-factor2").searches == 4 * 2_097_152, "four times as many latents are looked up"
    assert looc.books == (Book(256, 4),) and looc.log2_choices == 64 * 32 * 8


def test_composites_by_hand():
    rvq, rq = shipped("cifar10-rvq-8x256"), shipped("cifar10-rq-8x256")
    assert rvq.searches == rq.searches == 64 * 8 * 256 * 128
    assert (rvq.storage, rq.storage) == (8 * 256 * 128 * 4, 256 * 128 * 4), "one codebook for all levels is stored once"
    assert (rvq.codevectors, rvq.codebook_size, len(rvq.books), len(rq.books)) == (2048, 256, 8, 1)
    pq = shipped("cifar10-pq-8x256")
    assert (pq.searches, pq.storage) == (64 * 8 * 256 * 16, 8 * 256 * 16 * 4)
    adaptive = shipped("cifar10-adaptive-65536")
    assert adaptive.searches == 64 * 8 * 65536, "eight codebooks of one capacity K x d"
    assert adaptive.storage == 8 * 65536 * 4 and adaptive.codevectors == 130560


def test_what_has_no_codebook_costs_none():
    for name in ("cifar10-fsq-8-5-5-5", "cifar10-bsq-10", "cifar10-pca-32x256"):
        actual = shipped(name)
        assert actual.storage == actual.searches == 0 and actual.codevectors > 0
    assert shipped("cifar10-fsq-8-5-5-5").maps == 64 * 2 * 128 * 4
    assert shipped("cifar10-none-128").books == ()


@pytest.mark.parametrize("model", list_models(), ids=lambda model: model.name)
def test_the_choices_of_shipped_models_are_their_bits(model):
    bits, per_pixel = (model.metrics["metrics"][name] for name in ("bits_per_image", "bits_per_pixel"))
    side = round(math.sqrt(bits / per_pixel))
    choices = cost(model.config, side, side).log2_choices
    if "adaptive" in model.name:
        assert choices == pytest.approx(64 * math.log2(130560)), "one index tells codebook and codevector"
    else:
        assert choices == pytest.approx(bits)


@pytest.mark.parametrize("name", QUANTIZERS)
def test_multiplications_are_those_that_torch_counts(name):
    """Matrix products and convolutions of encoding and decoding, two operations a multiplication."""
    quantizer = build(name, dim=DIM, **SMALL.get(name, {})).eval()
    latents = torch.randn(1, SIDE, SIDE, DIM)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        indices = quantizer.encode(latents)
        quantizer.decode(indices)
    actual = quantizer.cost(SIDE * SIDE)
    assert actual.searches + actual.maps + COUNTED_OTHERWISE.get(name, 0) == counter.get_total_flops() / 2
    grid = indices.shape[1] * indices.shape[2]
    assert actual.log2_choices == pytest.approx(grid * sum(map(math.log2, quantizer.index_sizes)))
    assert (actual.latents, actual.indices) == (SIDE * SIDE, indices.numel())


def test_subpixels_cost_what_channels_do():
    channels, subpixels = (
        build("looc", dim=DIM, **SMALL["looc"], grouping=grouping).cost(64) for grouping in ("channels", "subpixels")
    )
    assert channels == subpixels


def test_a_photograph_is_padded_to_whole_cells():
    (model,) = (model for model in list_models() if model.name == "cifar10-multiscale-1024x128")
    assert cost(model.config, 33, 32).log2_choices == 2 * cost(model.config, 32, 32).log2_choices


def test_models_are_built_without_torchs_compiler():
    """Its import takes seconds, and tensors without memory ask for it in many ways."""
    code = (
        "import sys, torch\nfrom vqzoo.hub.registry import list_models\nfrom vqzoo.tokenizer import Tokenizer\n"
        "with torch.device('meta'):\n    for model in list_models():\n        Tokenizer.from_config(model.config)\n"
        "        assert 'torch._dynamo' not in sys.modules, model.name\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
