"""The one list of cases that every law is held against: small networks of the whole table, at several strides."""

from typing import Any

import pytest

CASES: dict[str, list[dict[str, Any]]] = {
    "conv": [{"stride": stride, "width": 16, "residual_width": 8} for stride in (2, 4, 16, 64)],
    "vqgan": [
        {"width": 4, "multipliers": (1, 2), "blocks": 1, "attention": ()},
        {"width": 6, "multipliers": (2, 1, 3), "blocks": 2, "attention": (1, 4)},
        {"width": 6, "multipliers": (1, 2), "blocks": 1, "middle_attention": False, "attention": (2,)}
        | {"inner_dim": 5, "groups": 3},
    ],
    "vqgan-study": [
        {"width": 4, "multipliers": (1, 2), "blocks": 1, "attention": (1,)},
        {"width": 5, "multipliers": (1, 1, 2), "blocks": 2, "attention": (4,)},
    ],
    "movq": [{"width": 4, "multipliers": (1, 2, 2), "blocks": 1, "attention": (2, 4)}],
    "magvit2": [
        {"width": 8, "multipliers": (1, 2), "blocks": 1},
        {"width": 6, "multipliers": (2, 1, 3), "blocks": 2, "groups": 3},
    ],
    "vit": [
        {"stride": 1, "width": 4, "depth": 1, "heads": 1, "mlp": 6},
        {"stride": 3, "width": 8, "depth": 2, "heads": 2, "mlp": 12},
        {"stride": 8, "width": 12, "depth": 1, "heads": 3, "mlp": 8},
    ],
    "hierarchical": [{"stride": stride, "width": 16, "residual_width": 8} for stride in (2, 4, 16)],
    "squeeze": [{"halvings": 1, "width": 4}, {"halvings": 3, "width": 16}],
    "pca": [{"stride": 3}, {"stride": 8}],
    "patch": [{"stem": 4, "widths": (8, 12), "blocks": 1}, {"stem": 1, "widths": (6, 4, 8), "blocks": 2, "balance": 3}],
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `case` runs for each of them: what `build_autoencoder` takes, as one dict."""
    if "case" in metafunc.fixturenames:
        cases = [{"name": name, "latent_dim": 6, **settings} for name in CASES for settings in CASES[name]]
        metafunc.parametrize("case", cases, ids=lambda case: f"{case['name']}-{list(case.values())[2]}")


@pytest.fixture
def names() -> set[str]:
    """Names that have cases."""
    return set(CASES)
