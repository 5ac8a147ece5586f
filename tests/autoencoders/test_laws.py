"""What holds for every autoencoder; conftest.py lists which ones are held against it."""

import json

import pytest
import torch
from torch import Tensor, nn

from vqzoo.autoencoders import AUTOENCODERS, Autoencoder, build_autoencoder, build_position
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer


def awake(case: dict) -> Autoencoder:
    """Not as it starts, where branches end in zeros and nothing in them shows, but as training leaves it."""
    autoencoder = build_autoencoder(**case).eval()
    with torch.no_grad():
        for parameter in autoencoder.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return autoencoder


def photos(autoencoder: Autoencoder, rows: int = 1, columns: int = 2) -> Tensor:
    """Two images of so many of the coarsest cells."""
    return torch.rand(2, autoencoder.channels, rows * autoencoder.stride, columns * autoencoder.stride) * 2 - 1


def levels(autoencoder: Autoencoder, images: Tensor) -> list[Tensor]:
    """Latents of all levels, as the tokenizer asks for them, with quantizers that change nothing."""
    features = autoencoder.encode(images)
    grids: list[Tensor] = []
    for _ in autoencoder.strides:
        grids.append(autoencoder.latents(features, *grids))
    return grids


def learns(autoencoder: Autoencoder) -> bool:
    return any(parameter.requires_grad for parameter in autoencoder.parameters())


def moved(module: nn.Module | nn.Parameter) -> None:
    """Change all of it."""
    with torch.no_grad():
        for parameter in [module] if isinstance(module, nn.Parameter) else module.parameters():
            parameter.add_(torch.randn_like(parameter))


def test_every_autoencoder_of_the_table_has_a_case(names):
    assert names == AUTOENCODERS.keys()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (3, 1), (1, 2)])
def test_strides_tell_the_shapes_there_and_back(case, channels, size):
    autoencoder = build_autoencoder(channels=channels, **case).eval()
    assert (autoencoder.channels, autoencoder.latent_dim, autoencoder.stride) == (channels, 6, autoencoder.strides[0])
    assert list(autoencoder.strides) == sorted(set(autoencoder.strides), reverse=True)
    images = photos(autoencoder, *size)
    grids = levels(autoencoder, images)
    height, width = images.shape[2:]
    assert [tuple(grid.shape) for grid in grids] == [(2, 6, height // s, width // s) for s in autoencoder.strides]
    assert autoencoder.decode(*grids).shape == images.shape


def test_configuration_is_json_and_builds_the_same_again(case):
    autoencoder = build_autoencoder(channels=1, **case).eval()
    rebuilt = build_autoencoder(**json.loads(json.dumps(autoencoder.config))).eval()
    assert rebuilt.config == autoencoder.config
    rebuilt.load_state_dict(autoencoder.state_dict())
    images = photos(autoencoder)
    grids, again = levels(autoencoder, images), levels(rebuilt, images)
    assert all(torch.equal(one, other) for one, other in zip(grids, again, strict=True))
    assert torch.equal(rebuilt.decode(*again), autoencoder.decode(*grids))


@pytest.mark.trap("T25")
def test_in_evaluation_the_same_goes_in_and_the_same_comes_out_with_or_without_gradients(case):
    autoencoder = awake(case)
    images = photos(autoencoder)
    grids = levels(autoencoder, images)
    restored = autoencoder.decode(*grids)
    for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        with mode():
            again = levels(autoencoder, images)
            assert all(torch.equal(one, other) for one, other in zip(grids, again, strict=True)), mode
            assert torch.equal(autoencoder.decode(*again), restored), mode


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_tokenizer_in_half_precision_decodes_what_it_encoded_exactly(case, dtype):
    autoencoder = awake(case)
    levels = [build("vq", dim=6, codebook_size=8, start="normal") for _ in autoencoder.strides]
    position = build_position("learned", dim=6, grid=2)
    tokenizer = Tokenizer(autoencoder, levels if levels[1:] else levels[0], position, 32).eval().to(dtype)
    images = photos(autoencoder)[:, :, :, 1:]  # which is padded
    out, tokens = tokenizer(images), tokenizer.encode(images.to(dtype))
    for grid, expected in zip(tokens.grids, out.tokens.grids, strict=True):
        assert torch.equal(grid, expected) and grid.min() >= 0 and grid.max() < 8
    assert out.images.dtype == dtype and out.images.isfinite().all()
    assert torch.equal(tokenizer.decode(tokens), out.images)


def test_an_image_does_not_hang_on_the_others_of_its_batch(case):
    autoencoder = awake(case)
    images = photos(autoencoder)
    for grid, alone in zip(levels(autoencoder, images), levels(autoencoder, images[1:]), strict=True):
        torch.testing.assert_close(grid[1:], alone)


def test_every_parameter_has_a_gradient(case):
    autoencoder = awake(case)
    images = autoencoder.decode(*levels(autoencoder, photos(autoencoder, 2)))
    if learns(autoencoder):
        (images * torch.randn_like(images)).sum().backward()
    for name, parameter in autoencoder.named_parameters():
        assert not parameter.requires_grad or (parameter.grad is not None and parameter.grad.any()), name


def test_the_image_reaches_every_level_and_every_level_the_image(case):
    autoencoder = awake(case)
    images = photos(autoencoder, 2).requires_grad_()
    grids = levels(autoencoder, images)
    for grid in grids:
        (gradient,) = torch.autograd.grad((grid * torch.randn_like(grid)).sum(), images, retain_graph=True)
        assert gradient.flatten(1).any(1).all()
    quantized = [grid.detach().requires_grad_() for grid in grids]
    restored = autoencoder.decode(*quantized)
    for gradient in torch.autograd.grad((restored * torch.randn_like(restored)).sum(), quantized):
        assert gradient.flatten(1).any(1).all()


def test_the_last_layer_makes_the_pixels_and_nothing_bounds_them(case):
    autoencoder = awake(case)
    if not learns(autoencoder):
        pytest.skip("has nothing that learns, so no layer at which the gradients of two losses could be compared")
    assert any(parameter is autoencoder.last_layer for parameter in autoencoder.decoder.parameters())
    grids = levels(autoencoder, photos(autoencoder))
    once = autoencoder.decode(*grids)
    with torch.no_grad():
        autoencoder.last_layer.mul_(1001)
    images = autoencoder.decode(*grids)
    assert images.min() < -1 and images.max() > 1
    with torch.no_grad():
        autoencoder.last_layer.mul_(2001 / 1001)
    # Nothing stands behind that layer: a weight 2000 times larger adds twice what one 1000 times larger adds.
    torch.testing.assert_close(autoencoder.decode(*grids) - once, 2 * (images - once), rtol=1e-3, atol=1e-2)


def test_the_decoder_makes_pixels_and_nothing_else(case):
    """A second phase of training may change it alone: latents stay, and what it leaves alone does not touch pixels."""
    autoencoder = awake(case)
    if not learns(autoencoder):
        pytest.skip("has nothing that learns, so no second phase")
    images = photos(autoencoder)
    grids = levels(autoencoder, images)
    before = autoencoder.decode(*grids)
    moved(autoencoder.decoder)
    assert all(torch.equal(one, other) for one, other in zip(grids, levels(autoencoder, images), strict=True))
    after = autoencoder.decode(*grids)
    assert not torch.equal(after, before)
    for name, module in autoencoder.named_children():
        if name != "decoder":
            moved(module)
    assert torch.equal(autoencoder.decode(*grids), after)
    assert not any(torch.equal(one, other) for one, other in zip(grids, levels(autoencoder, images), strict=True))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 2}, r"channels=2: expected 1 \(grey\) or 3 \(RGB\)"),
        ({"channels": True}, r"channels=True: expected 1 \(grey\) or 3 \(RGB\)"),
        ({"channels": 3.0}, r"channels=3.0: expected 1"),
        ({"channels": "3"}, r"channels='3': expected 1"),
        ({"latent_dim": 0}, "latent_dim=0: expected a whole number from 1 to 4096"),
        ({"latent_dim": 6.0}, "latent_dim=6.0: expected a whole number"),
        ({"chanels": 3}, "did you mean 'channels'"),
    ],
)
@pytest.mark.parametrize("name", AUTOENCODERS)
def test_settings_that_all_have_are_refused_with_what_is_right(name, settings, message):
    with pytest.raises(ValueError, match=message):
        build_autoencoder(name, **settings)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"autoencoder='convv': did you mean 'conv'"):
        build_autoencoder("convv")
