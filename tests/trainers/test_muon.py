"""Muon on a CPU against timm's own in float64, and the weights that each rule gets."""

from functools import partial

import pytest
import timm.optim
import torch
from timm.optim import muon as timm_muon
from torch import Tensor, nn

from trainers.loop.muon import COEFFICIENTS, Muon, orthogonalize
from trainers.loop.optimizer import KINDS, build_optimizer, schedule, set_learning_rates, sort_parameters
from trainers.recipes.recipe import Rates
from vqzoo.quantizers import QUANTIZERS

SHAPES = [(16, 8, 3, 3), (8, 16, 4, 4), (12, 12, 1, 1), (20, 10), (7,)]
"""Wide and tall once flattened, square, a matrix, and a vector for AdamW."""


def weights(dtype: torch.dtype) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)) for shape in SHAPES]


def groups(parameters: list[nn.Parameter]) -> list[dict]:
    return [{"params": parameters[:-1], "use_muon": True}, {"params": parameters[-1:], "use_muon": False}]


def descend(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], steps: int = 6) -> None:
    """Steps along gradients that differ from step to step, the same for each type."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        for parameter in parameters:
            gradient = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.grad = gradient.to(parameter.dtype)
        optimizer.step()


@pytest.fixture
def reference(monkeypatch) -> list[Tensor]:
    """The weights after timm's own steps, orthogonalized in float64."""
    exact = partial(timm_muon.zeropower_via_newtonschulz, dtype=torch.float64)
    monkeypatch.setattr(timm_muon, "zeropower_via_newtonschulz", exact)
    parameters = weights(torch.float64)
    settings = {"betas": (0.9, 0.999), "nesterov": True, "adjust_lr_fn": "original", "ns_coefficients": COEFFICIENTS}
    descend(timm.optim.Muon(groups(parameters), lr=0.05, **settings), parameters)
    return [parameter.detach() for parameter in parameters]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_a_step_on_a_cpu_is_timms_step_in_float64(reference, dtype, tolerance):
    parameters = weights(dtype)
    descend(Muon(groups(parameters), lr=0.05), parameters)
    for parameter, expected, start in zip(parameters, reference, weights(torch.float64), strict=True):
        assert not torch.allclose(parameter.double(), start, atol=1e-2)
        torch.testing.assert_close(parameter.double(), expected, rtol=0, atol=tolerance)


def test_the_coefficients_are_those_of_timms_default():
    assert timm_muon.resolve_ns_coefficients("quintic", timm_muon._COEFFICIENTS) == COEFFICIENTS


def test_an_update_is_orthogonal():
    """After the first step: singular values of the update near one learning rate, whatever those of the gradient."""
    parameter = nn.Parameter(torch.zeros(8, 4, 3, 3))
    parameter.grad = (
        torch.randn(8, 36, generator=torch.manual_seed(0)).mul(torch.logspace(-1, 1, 8)[:, None]).view(8, 4, 3, 3)
    )
    Muon([{"params": [parameter], "use_muon": True}], lr=0.1).step()
    values = torch.linalg.svdvals(parameter.detach().view(8, 36)) / 0.1
    assert values.min() > 0.7 and values.max() < 1.3


@pytest.mark.parametrize("shape", [(8, 36), (36, 8), (8, 8), (8, 15)])
@pytest.mark.parametrize("decades", [0, 2, 6])
def test_singular_values_of_any_range_are_orthogonalized_as_by_timm(shape, decades):
    """Small ones, too, whose squares are below the rounding of the Gram matrix."""
    left, values, right = torch.linalg.svd(
        torch.randn(shape, generator=torch.manual_seed(0), dtype=torch.float64), False
    )
    matrix = (left * torch.logspace(-decades, 0, len(values), dtype=torch.float64)) @ right
    expected = timm_muon.zeropower_via_newtonschulz(matrix, 5, COEFFICIENTS, dtype=torch.float64)
    torch.testing.assert_close(orthogonalize(matrix, 1e-7, 1.0), expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(orthogonalize(matrix.float(), 1e-7, 1.0).double(), expected, rtol=0, atol=2e-5)


def test_a_gradient_of_zeros_moves_nothing():
    assert orthogonalize(torch.zeros(4, 16), 1e-7, 1.0).eq(0).all()


def test_its_state_goes_on_bit_for_bit():
    once, broken = weights(torch.float32), weights(torch.float32)
    whole, first = Muon(groups(once), lr=0.05), Muon(groups(broken), lr=0.05)
    descend(whole, once, 3)
    descend(whole, once, 3)
    descend(first, broken, 3)
    second = Muon(groups(broken), lr=0.05)
    second.load_state_dict(first.state_dict())
    descend(second, broken, 3)
    assert all(torch.equal(a, b) for a, b in zip(once, broken, strict=True))


@pytest.mark.parametrize("name", QUANTIZERS)
def test_every_weight_that_learns_is_in_one_group(tiny, name):
    tokenizer = tiny(name, position="learned").build()
    by_kind = sort_parameters(tokenizer)
    names = {parameter: name for name, parameter in tokenizer.named_parameters()}
    assert [*by_kind] == [*KINDS]
    actual = [names[parameter] for parameters in by_kind.values() for parameter in parameters]
    assert sorted(actual) == sorted(names[p] for p in tokenizer.parameters() if p.requires_grad)
    convolutions = [
        f"{name}.weight" for name, module in tokenizer.autoencoder.named_modules() if hasattr(module, "kernel_size")
    ]
    assert [names[p] for p in by_kind["kernels"]] == [f"autoencoder.{name}" for name in convolutions]
    for kind in ("projections", "codebooks"):
        assert all(names[p].startswith("quantizer.") and p.ndim > 1 for p in by_kind[kind])
    assert "position.table" in [names[p] for p in by_kind["vectors"]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vq", {"codebooks": ["quantizer.codebook.weight"]}),
        ("ema", {}),
        ("fsq", {"projections": ["quantizer.down.weight", "quantizer.up.weight"]}),
        ("simvq", {"projections": ["quantizer.codebook.transform.weight"]}),
        ("ibq", {"codebooks": ["quantizer.weight"]}),
    ],
)
def test_codebooks_and_projections(tiny, name, expected):
    tokenizer = tiny(name).build()
    names = {parameter: name for name, parameter in tokenizer.named_parameters()}
    by_kind = sort_parameters(tokenizer)
    actual = {kind: [names[p] for p in by_kind[kind]] for kind in ("projections", "codebooks")}
    assert actual == {"projections": [], "codebooks": [], **expected}


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_each_kind_has_its_rate_and_all_follow_the_schedule(tiny, optimizer):
    recipe = tiny(optimizer=optimizer, learning_rate=0.02, rates=Rates(vectors=0.003, codebooks=0.05), warmup=0)
    built = build_optimizer(recipe, recipe.build())
    for step, share in ((0, 1.0), (4, 0.5)):
        assert set_learning_rates(built, recipe, step) == pytest.approx(0.02 * share)
        rates = {group["kind"]: group["lr"] for group in built.param_groups}
        assert rates == pytest.approx({"kernels": 0.02 * share, "vectors": 0.003 * share, "codebooks": 0.05 * share})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cosine", [0.5, 0.9619, 0.8536, 0.5, 0.1464]),
        ("linear", [0.5, 0.875, 0.75, 0.5, 0.25]),
        ("constant", [0.5, 1, 1, 1, 1]),
    ],
)
def test_the_schedules_by_hand(tiny, name, expected):
    recipe = tiny(schedule=name, steps=8, warmup=2)
    assert [schedule(recipe, step) for step in (0, 1, 2, 4, 6)] == pytest.approx(expected, abs=1e-4)
