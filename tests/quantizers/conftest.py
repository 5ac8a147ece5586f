"""The one list of cases that every law is held against: the whole table, and a few more settings of its entries."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from vqzoo.quantizers import QUANTIZERS

DIM = 128

MORE: list[dict[str, Any]] = [
    {"name": "vq", "metric": "cosine"},
    {"name": "vq", "estimator": "rotation", "revival": "restart", "start": "kmeans"},
    {"name": "vq", "revival": "probrandom", "entropy_temperature": 0.5},
    {"name": "ema", "metric": "cosine", "revival": "random"},
    {"name": "ema", "start": "kmeans", "revival": "restart"},
    {"name": "cvq", "metric": "l2"},
    {"name": "cvq", "anchors": "probrandom"},
    {"name": "sq", "kind": "vmf"},
    {"name": "pq", "segments": 4, "codebook_size": 64, "budget": "total", "rule": "gradient", "estimator": "rotation"},
    {"name": "rvq", "rule": "gradient"},
    {"name": "rvq", "rule": "gradient", "revival": "closest", "levels": 3, "metric": "cosine"},
    {"name": "rq", "rule": "gradient", "levels": 3, "estimator": "rotation"},
    {"name": "looc", "segments": 1, "factor": 2, "codebook_size": 64},
    {"name": "looc", "segments": 8, "codebook_size": 32, "factor": 3},
    {"name": "looc", "segments": 8, "factor": 4},
    {"name": "looc", "segments": 4, "factor": 2, "rule": "ema", "metric": "l2"},
    {"name": "looc", "segments": 8, "factor": 2, "grouping": "subpixels"},
    {"name": "adaptive", "capacity": 64, "codebooks": 3},
    {"name": "factorized", "through": "raw", "code_dim": 8, "revival": "closest", "entropy_temperature": 0.1},
    {"name": "gumbel", "hard": True, "codebook_size": 32},
    {"name": "fsq", "levels": [2, 3, 4, 5, 6, 7, 8]},
    {"name": "uniform", "levels": [1, 2, 3, 255] * (DIM // 4)},
    {"name": "lfq", "bits": 40},
    {"name": "bsq", "bits": 36},
    {"name": "simvq", "bias": True, "estimator": "rotation"},
    {"name": "ibq", "entropy_temperature": 0.0},
    {"name": "multiscale", "scales": [1, 3, 5], "codebook_size": 64},
    {"name": "hvq", "levels": 3, "rule": "gradient", "width": 8, "codebook_size": 64},
    {"name": "hvq", "stride": 3, "metric": "cosine", "revival": "restart"},
]
CASES: list[dict[str, Any]] = [{"dim": DIM, **case} for case in [*({"name": name} for name in QUANTIZERS), *MORE]]


def _label(case: dict[str, Any]) -> str:
    return "-".join(str(value)[:40] for key, value in case.items() if key != "dim")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `case` runs for each of them: what `build` takes, as one dict."""
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES, ids=_label)


@pytest.fixture
def gumbel_noise() -> Callable[[tuple[int, ...]], Tensor]:
    """gumbel_noise(shape): what training draws next for latents of shape (b, ...), minus the logarithm of exponential
    variables, by hand: one seed for the batch, and counting on from it a generator for each image."""

    def draw(shape: tuple[int, ...]) -> Tensor:
        seed = int(torch.randint(2**31, ()))
        generators = [torch.Generator().manual_seed(seed + number) for number in range(shape[0])]
        return -torch.stack([torch.empty(shape[1:]).exponential_(generator=each) for each in generators]).log()

    return draw


@pytest.fixture
def cases() -> list[dict[str, Any]]:
    """All of them at once."""
    return CASES
