"""What holds for every quantizer; conftest.py lists which ones are held against it."""

import json
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from vqzoo.quantizers import Quantizer, build

from .steps import grid, objective, train, trained

HALVES = [torch.bfloat16, torch.float16]


def snapshot(quantizer: Quantizer) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in quantizer.state_dict().items()}


def assert_same_state(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for key in one:
        assert torch.equal(one[key], other[key]), key


def mixes_cells(case: dict) -> bool:
    """Whether an index depends on more than one latent, as where a grid is interpolated first."""
    return case.get("factor", 1) > 1 or case["name"] in ("multiscale", "hvq")


def passes_gradients_straight(case: dict) -> bool:
    """Whether the decoder's gradient reaches the latents as it is, and not through a projection or a soft choice."""
    turned = ("sq", "adaptive", "factorized", "gumbel", "fsq", "lfq", "bsq", "ibq")
    return case["name"] not in turned and case.get("estimator") != "rotation"


@pytest.mark.trap("T13")
@pytest.mark.trap("T19")
@pytest.mark.trap("T20")
@pytest.mark.parametrize("fresh", [True, False])
def test_forward_gives_exactly_what_decode_makes_of_encode(case, fresh):
    quantizer = build(**case).eval() if fresh else trained(case)
    latents = grid(case)
    out, indices = quantizer(latents), quantizer.encode(latents)
    assert torch.equal(out.indices, indices)
    assert torch.equal(out.latents, quantizer.decode(indices))
    assert out.latents.shape == latents.shape and out.latents.dtype == torch.float32


def test_indices_are_whole_numbers_within_their_alphabets(case):
    quantizer = trained(case)
    indices = quantizer.encode(grid(case))
    assert indices.dtype == torch.int64 and indices.ndim == 4
    assert indices.shape[-1] == len(quantizer.index_sizes) == len(quantizer.codebook_of)
    assert (indices >= 0).all() and (indices < torch.tensor(quantizer.index_sizes)).all()


def test_columns_of_one_codebook_have_one_alphabet(case):
    quantizer = build(**case)
    alphabets = set(zip(quantizer.codebook_of, quantizer.index_sizes, strict=True))
    assert len(alphabets) == len(set(quantizer.codebook_of))


@pytest.mark.parametrize("training", [True, False])
def test_some_finite_gradient_reaches_every_latent(case, training):
    quantizer = trained(case).train(training)
    latents = grid(case).requires_grad_()
    (gradient,) = torch.autograd.grad(quantizer(latents).latents, latents, torch.randn(latents.shape))
    assert gradient.isfinite().all() and gradient.any(-1).all()


@pytest.mark.trap("T3")
@pytest.mark.parametrize("training", [True, False])
def test_gradient_of_the_output_reaches_the_input_unchanged(case, training):
    """The Jacobian is the identity at any depth and factor, or a random vector would not pass through as it is."""
    if not passes_gradients_straight(case):
        pytest.skip("the gradient is turned on its way")
    quantizer = trained(case).train(training)
    latents = grid(case).requires_grad_()
    direction = torch.randn(latents.shape)
    (gradient,) = torch.autograd.grad(quantizer(latents).latents, latents, direction)
    assert torch.equal(gradient, direction)


@pytest.mark.trap("T25")
def test_evaluation_changes_nothing_and_repeats_itself(case):
    quantizer = trained(case)
    before, latents = snapshot(quantizer), grid(case)
    first = quantizer(latents)
    torch.manual_seed(1)
    second = quantizer(latents)
    quantizer.decode(quantizer.encode(latents))
    assert_same_state(before, quantizer.state_dict())
    assert torch.equal(first.latents, second.latents) and torch.equal(first.indices, second.indices)
    assert all(torch.equal(first.losses[name], second.losses[name]) for name in first.losses)


def test_encode_learns_nothing_in_training_mode_either(case):
    quantizer = build(**case).train()
    before = snapshot(quantizer)
    quantizer.encode(grid(case))
    assert_same_state(before, quantizer.state_dict())


def test_an_image_gets_the_same_indices_in_any_batch(case):
    quantizer, latents = trained(case), grid(case, batch=4)
    whole = quantizer.encode(latents)
    assert torch.equal(whole, torch.cat([quantizer.encode(part) for part in latents.split(1)]))


@pytest.mark.trap("T21")
def test_a_latent_gets_the_same_indices_in_any_place(case):
    quantizer = trained(case)
    if mixes_cells(case):
        pytest.skip("an index depends on neighbouring latents")
    latents = grid(case)
    order = torch.randperm(35)
    moved = latents.flatten(1, 2)[:, order].reshape(2, 7, 5, -1)
    indices = quantizer.encode(latents).flatten(1, 2)[:, order]
    assert torch.equal(quantizer.encode(moved).flatten(1, 2), indices)


def test_memory_layout_does_not_matter(case):
    quantizer, latents = trained(case), grid(case)
    planes = latents.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert torch.equal(quantizer.encode(planes), quantizer.encode(latents))
    assert torch.equal(quantizer(planes).latents, quantizer(latents).latents)


@pytest.mark.trap("T14")
@pytest.mark.trap("T15")
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("fresh", [True, False])
def test_half_precision_gets_the_indices_of_float32(case, dtype, fresh):
    quantizer = build(**case).eval() if fresh else trained(case)
    latents = grid(case).to(dtype)
    expected = quantizer(latents.float())
    out = quantizer(latents)
    with torch.autocast("cpu", dtype):
        under_autocast, encoded = quantizer(latents), quantizer.encode(latents)
        decoded = quantizer.decode(encoded)
    for indices in (out.indices, under_autocast.indices, encoded):
        assert torch.equal(indices, expected.indices)
    for values in (out.latents, under_autocast.latents, decoded):
        assert torch.equal(values, expected.latents) and values.dtype == torch.float32
    for name, loss in expected.losses.items():
        assert torch.equal(under_autocast.losses[name], loss), name


def test_a_converted_quantizer_keeps_its_numbers_and_gives_latents_in_its_type(case):
    quantizer = trained(case)
    before = snapshot(quantizer)
    for dtype in (*HALVES, torch.float64, torch.float32):
        latents = grid(case).to(dtype)
        expected = quantizer.float()(latents)
        quantizer.to(dtype)
        assert_same_state(before, quantizer.state_dict())
        for given in (latents, latents.float()):
            out, indices = quantizer(given), quantizer.encode(given)
            for each in (out.indices, indices):
                assert torch.equal(each, expected.indices) and each.dtype == torch.int64
            for values in (out.latents, quantizer.decode(indices)):
                assert torch.equal(values, expected.latents.to(dtype)) and values.dtype == dtype
            assert all(torch.equal(out.losses[name], loss) for name, loss in expected.losses.items())


def test_a_converted_quantizer_trains_in_float32(case):
    """What counts is the same, bit for bit; a gradient differs by how the decoder's was rounded on its way."""
    plain = trained(case)
    converted, latents = deepcopy(plain).bfloat16(), grid(case).bfloat16()
    for each in (converted, plain):
        torch.manual_seed(2)
        train(each, latents)
    assert_same_state(dict(plain.named_buffers()), dict(converted.named_buffers()))
    for name, parameter in converted.named_parameters():
        assert parameter.dtype == torch.float32
        torch.testing.assert_close(parameter, plain.get_parameter(name), rtol=1e-2, atol=1e-2)


@pytest.mark.trap("T34")
def test_training_goes_on_from_a_saved_state_as_if_never_interrupted(case, tmp_path):
    quantizer = trained(case)
    torch.save(quantizer.state_dict(), tmp_path / "state.pt")
    torch.manual_seed(1)
    other = build(**case)
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert_same_state(quantizer.state_dict(), other.state_dict())
    for _ in range(2):
        latents = grid(case)
        outputs = []
        for each in (quantizer, other):
            torch.manual_seed(2)
            outputs.append(train(each, latents))
        assert torch.equal(outputs[0].latents, outputs[1].latents)
    assert_same_state(quantizer.state_dict(), other.state_dict())


def test_losses_are_named_finite_scalars_and_the_same_in_both_modes(case):
    quantizer = trained(case)
    latents = grid(case)
    evaluated = quantizer(latents).losses
    trained_on = quantizer.train()(latents).losses
    assert evaluated.keys() == trained_on.keys()
    assert all(loss.shape == () and loss.isfinite() and loss >= 0 for loss in evaluated.values())


def test_every_parameter_gets_a_gradient_from_the_losses_or_the_output(case):
    quantizer = trained(case).train()
    out = quantizer(grid(case))
    names = [name for name, _ in quantizer.named_parameters()]
    if not names:
        pytest.skip("nothing here learns by gradient")
    gradients = torch.autograd.grad(objective(out), list(quantizer.parameters()))
    for name, gradient in zip(names, gradients, strict=True):
        assert gradient.any(), name


def test_configuration_is_plain_and_builds_the_same_again(case):
    quantizer = trained(case)
    config = json.loads(json.dumps(quantizer.config))
    assert config == quantizer.config and config.items() >= case.items()
    rebuilt = build(**config)
    assert rebuilt.config == config and rebuilt.index_sizes == quantizer.index_sizes
    rebuilt.load_state_dict(quantizer.state_dict())
    latents = grid(case)
    assert torch.equal(rebuilt.eval()(latents).latents, quantizer(latents).latents)


@pytest.mark.trap("T33")
def test_bits_count_every_index(case):
    if case["name"] == "adaptive":
        pytest.skip("an index costs what its codebook costs: see test_adaptive.py")
    quantizer = build(**case)
    indices = quantizer.encode(grid(case, batch=3))
    bits = quantizer.bits(indices)
    by_hand = torch.tensor(quantizer.index_sizes).double().log2().sum() * indices[0, ..., 0].numel()
    assert bits.shape == (3,) and bits.dtype == torch.float64
    torch.testing.assert_close(bits, by_hand.expand(3))


def test_the_first_levels_alone_are_decoded_and_cost_what_they_are(case):
    """All levels are what `decode` makes of all indices; a level more changes nothing of those before it."""
    quantizer = trained(case)
    if not quantizer.level_columns:
        with pytest.raises(ValueError, match="levels=1: expected"):
            quantizer.first_levels(quantizer.encode(grid(case)), 1)
        pytest.skip("no sum of levels")
    latents = grid(case)
    indices = quantizer.encode(latents)
    assert sum(quantizer.level_columns) == indices.shape[-1]
    before, cost = torch.zeros_like(latents), torch.zeros(len(latents), dtype=torch.float64)
    for levels, columns in enumerate(quantizer.level_columns, 1):
        first = quantizer.first_levels(indices, levels)
        decoded = quantizer.decode(first)
        silent = indices.clone()
        silent[..., first.shape[-1] :] = 0
        assert torch.equal(quantizer.decode(quantizer.first_levels(silent, levels)), decoded)
        assert not torch.equal(decoded, before), "a level adds something"
        sizes = torch.tensor(quantizer.index_sizes[first.shape[-1] - columns : first.shape[-1]]).double()
        cost = cost + sizes.log2().sum() * indices[0, ..., 0].numel()
        torch.testing.assert_close(quantizer.bits(first), cost)
        before = decoded
    assert torch.equal(before, quantizer.decode(indices))
    with pytest.raises(ValueError, match=f"from 1 to {levels}"):
        quantizer.first_levels(indices, levels + 1)


def test_wrong_latents_are_refused_with_what_is_right(case):
    quantizer = build(**case)
    right = rf"expected floating point of shape \(batch, height, width, {case['dim']}\), channels last"
    planes = torch.zeros(2, case["dim"], 5, 7)
    for wrong in (planes, planes[0], grid(case)[..., 1:], grid(case).long()):
        for method in (quantizer, quantizer.encode):
            with pytest.raises(ValueError, match=right):
                method(wrong)


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf, -torch.inf])
def test_latents_that_are_no_numbers_are_refused_and_change_nothing(case, wrong):
    quantizer = build(**case).train()
    before, latents = snapshot(quantizer), grid(case)
    latents[0, 1, 2, 3] = wrong
    for method in (quantizer, quantizer.encode):
        with pytest.raises(ValueError, match=f"latents: 1 of {latents.numel()} numbers are NaN or infinite"):
            method(latents)
    assert_same_state(before, quantizer.state_dict())


def test_no_latents_are_refused(case):
    quantizer, latents = build(**case), grid(case)
    for empty in (latents[:0], latents[:, :0], latents[:, :, :0]):
        with pytest.raises(ValueError, match="there are none; expected at least one"):
            quantizer(empty)


def test_wrong_indices_are_refused_with_what_is_right(case):
    quantizer = trained(case)
    indices = quantizer.encode(grid(case))
    columns = indices.shape[-1]
    right = rf"expected whole numbers of shape \(batch, height, width, {columns}\)"
    extra_column = torch.cat([indices, indices[..., :1]], -1)
    for wrong in (indices[0], extra_column, indices.float(), indices.bool()):
        with pytest.raises(ValueError, match=right):
            quantizer.decode(wrong)


@pytest.mark.parametrize("below", [True, False])
def test_indices_outside_their_alphabet_are_refused(case, below):
    quantizer = trained(case)
    indices = quantizer.encode(grid(case))
    indices[-1, -1, -1, -1] = -1 if below else quantizer.index_sizes[-1]
    with pytest.raises(ValueError, match=f"column {indices.shape[-1] - 1}.*from 0 to {quantizer.index_sizes[-1] - 1}"):
        quantizer.decode(indices)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int16])
def test_indices_may_be_stored_in_a_smaller_type(case, dtype):
    quantizer = trained(case)
    indices = quantizer.encode(grid(case))
    if max(quantizer.index_sizes) > torch.iinfo(dtype).max:
        pytest.skip(f"{max(quantizer.index_sizes)} values do not fit into {dtype}")
    assert torch.equal(quantizer.decode(indices.to(dtype)), quantizer.decode(indices))


def test_large_latents_are_fine_though_their_sum_is_not(case):
    latents = torch.full_like(grid(case), 3e38 if case["name"] == "none" else 1e4)
    assert case["name"] == "none" or not latents.half().sum().isfinite()
    build(**case).eval()(latents if case["name"] == "none" else latents.half())
