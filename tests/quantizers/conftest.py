"""The one list of cases that every law is held against: the whole table, and a few more settings of its entries."""

from typing import Any

import pytest

from vqzoo.quantizers import QUANTIZERS

DIM = 128

MORE: list[dict[str, Any]] = [
    {"name": "vq", "metric": "cosine"},
    {"name": "ema", "metric": "cosine"},
    {"name": "cvq", "metric": "l2"},
    {"name": "rvq", "rule": "gradient"},
    {"name": "rvq", "rule": "cvq", "levels": 3, "metric": "cosine"},
    {"name": "looc", "segments": 1, "factor": 2, "codebook_size": 64},
    {"name": "looc", "segments": 8, "codebook_size": 32, "factor": 3},
    {"name": "looc", "segments": 8, "factor": 4},
    {"name": "looc", "segments": 4, "factor": 2, "rule": "ema", "metric": "l2"},
]
CASES: list[dict[str, Any]] = [{"dim": DIM, **case} for case in [*({"name": name} for name in QUANTIZERS), *MORE]]


def _label(case: dict[str, Any]) -> str:
    return "-".join(str(value) for key, value in case.items() if key != "dim")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `case` runs for each of them: what `build` takes, as one dict."""
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES, ids=_label)


@pytest.fixture
def cases() -> list[dict[str, Any]]:
    """All of them at once."""
    return CASES
