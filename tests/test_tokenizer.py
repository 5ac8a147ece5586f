"""The tokenizer: images of any size there and back exactly, rates, positions, configurations."""

import json

import pytest
import torch
from PIL import Image

from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.ops.pixels import from_bytes
from vqzoo.quantizers import QUANTIZERS, build
from vqzoo.tokenizer import Tokenizer, Tokens

DIM = 32


def make(quantizer: str = "vq", position: str = "none", channels: int = 3, stride: int = 4, **settings) -> Tokenizer:
    torch.manual_seed(0)
    autoencoder = build_autoencoder(
        "conv", channels=channels, latent_dim=DIM, stride=stride, width=8, residual_width=4, residual_blocks=1
    )
    grid = {} if position == "none" else {"grid": 32 // stride}
    return Tokenizer(
        autoencoder, build(quantizer, dim=DIM, **settings), build_position(position, dim=DIM, **grid), 32
    ).eval()


def photos(*size: int, channels: int = 3, batch: int = 2) -> torch.Tensor:
    return torch.rand(batch, channels, *size) * 2 - 1


@pytest.mark.parametrize("size", [(32, 32), (1, 1), (3, 70), (30, 17), (33, 8)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("position", ["none", "sinusoidal", "learned"])
def test_an_image_of_any_size_comes_back_in_its_size(size, channels, position):
    tokenizer = make(position=position, channels=channels)
    images = photos(*size, channels=channels)
    tokens = tokenizer.encode(images)
    assert tokens.size == size
    assert tokens.grids[0].shape == (2, -(-size[0] // 4), -(-size[1] // 4), 1)
    out = tokenizer(images)
    assert out.images.shape == images.shape
    assert torch.equal(tokenizer.decode(tokens), out.images)


@pytest.mark.parametrize("position", ["none", "sinusoidal", "learned"])
@pytest.mark.parametrize("size", [(32, 32), (30, 17)])
@pytest.mark.parametrize("name", QUANTIZERS)
def test_decoded_tokens_are_exactly_the_reconstruction(name, size, position):
    tokenizer = make(name, position)
    tokenizer.train()(photos(32, 32))
    images = photos(*size)
    out = tokenizer.eval()(images)
    tokens = tokenizer.encode(images)
    assert all(torch.equal(a, b) for a, b in zip(tokens.grids, out.tokens.grids, strict=True))
    assert torch.equal(tokenizer.decode(tokens), out.images)
    assert torch.equal(tokenizer.decode(out.tokens, position=False), tokenizer(images, position=False).images)
    assert out.images.min() >= -1 and out.images.max() <= 1


def test_memory_layout_of_images_and_weights_does_not_break_exactness():
    tokenizer = make("looc", factor=2).to(memory_format=torch.channels_last)
    images = photos(30, 17).contiguous(memory_format=torch.channels_last)
    assert torch.equal(tokenizer.decode(tokenizer.encode(images)), tokenizer(images).images)


def test_padding_repeats_the_edge_at_the_bottom_and_the_right():
    tokenizer = make("none")
    images = photos(30, 17)
    tokens = tokenizer.encode(images)
    rows, columns = [*range(30), 29, 29], [*range(17), 16, 16, 16]
    padded = images[:, :, rows][..., columns]
    assert torch.equal(tokens.grids[0], tokenizer.encode(padded).grids[0])
    assert torch.equal(tokenizer.decode(tokens), tokenizer(padded).images[:, :, :30, :17])


def test_an_image_that_fits_is_not_padded():
    tokenizer = make(stride=8)
    assert tokenizer.encode(photos(16, 24)).grids[0].shape == (2, 2, 3, 1)
    assert tokenizer.encode(photos(17, 24)).grids[0].shape == (2, 3, 3, 1)


@pytest.mark.parametrize(
    ("bits", "settings"),
    [
        (640, {"quantizer": "vq", "codebook_size": 1024}),
        (4096, {"quantizer": "rvq", "levels": 8, "codebook_size": 256}),
        (4096, {"quantizer": "looc", "segments": 8, "codebook_size": 256}),
        (16384, {"quantizer": "looc", "segments": 8, "codebook_size": 256, "factor": 2}),
        (65536, {"quantizer": "none"}),
    ],
)
def test_bits_of_a_32_by_32_image_by_hand(bits, settings):
    tokenizer = make(**settings)
    assert tokenizer.bits(tokenizer.encode(photos(32, 32))).tolist() == [bits, bits]


def test_bits_count_what_padding_adds():
    tokenizer = make("vq", codebook_size=1024)
    assert tokenizer.bits(tokenizer.encode(photos(33, 32))).tolist() == [9 * 8 * 10] * 2


@pytest.mark.parametrize("position", ["sinusoidal", "learned"])
def test_without_its_position_it_is_the_tokenizer_without_one(position):
    with_position, without = make(position=position), make()
    without.load_state_dict({k: v for k, v in with_position.state_dict().items() if not k.startswith("position")})
    images = photos(32, 32)
    tokens = with_position.encode(images)
    assert torch.equal(tokens.grids[0], without.encode(images).grids[0]), "position is the decoder's alone"
    assert torch.equal(with_position.decode(tokens, position=False), without.decode(tokens))
    assert not torch.equal(with_position.decode(tokens), without.decode(tokens))


def test_the_position_is_added_to_what_the_decoder_gets():
    tokenizer = make("none", "sinusoidal")
    grid = torch.zeros(1, 8, 8, DIM, dtype=torch.int64)
    by_hand = tokenizer.autoencoder.decode(tokenizer.position(8, 8)[None].contiguous().permute(0, 3, 1, 2))
    assert torch.equal(tokenizer.decode(Tokens((grid,), (32, 32))), by_hand.clamp(-1, 1))


def test_in_training_values_outside_the_range_keep_their_gradient():
    tokenizer = make("none")
    tokenizer.autoencoder.decoder[-1].bias.data.fill_(5.0)
    assert (tokenizer(photos(8, 8)).images == 1).all()
    images = tokenizer.train()(photos(8, 8)).images
    assert images.min() > 1
    images.sum().backward()
    assert tokenizer.autoencoder.encoder[0].weight.grad.any()


def test_losses_are_the_quantizers():
    tokenizer = make("vq")
    images = photos(32, 32)
    latents = tokenizer.autoencoder.encode(images).permute(0, 2, 3, 1)
    expected = tokenizer.quantizer(latents).losses
    losses = tokenizer(images).losses
    assert losses.keys() == {"commitment", "codebook"} == expected.keys()
    assert all(torch.equal(losses[name], expected[name]) for name in losses)


@pytest.mark.parametrize("position", ["none", "sinusoidal", "learned"])
@pytest.mark.parametrize("name", QUANTIZERS)
def test_configuration_survives_json_and_builds_the_same_again(name, position):
    tokenizer = make(name, position, channels=1, stride=8)
    config = json.loads(json.dumps(tokenizer.config))
    rebuilt = Tokenizer.from_config(config).eval()
    assert rebuilt.config == config == tokenizer.config
    rebuilt.load_state_dict(tokenizer.state_dict())
    images = photos(32, 32, channels=1)
    assert torch.equal(rebuilt(images).images, tokenizer(images).images)


def test_configuration_is_a_copy():
    tokenizer = make()
    tokenizer.config["quantizer"]["codebook_size"] = 1
    assert tokenizer.config["quantizer"]["codebook_size"] == 1024


def test_images_of_another_kind_are_refused_with_what_is_right():
    tokenizer = make()
    right = r"expected floating point in \[-1, 1\], or uint8, of shape \(batch, 3, height, width\)"
    for wrong in (photos(8, 8, channels=1), photos(8, 8)[0], (photos(8, 8) * 127).long()):
        for method in (tokenizer, tokenizer.encode, tokenizer.latents):
            with pytest.raises(ValueError, match=right):
                method(wrong)


def test_every_form_of_the_same_images_has_the_same_tokens_and_the_same_reconstruction():
    tokenizer = make("looc", "learned")
    pixels = torch.randint(0, 256, (2, 3, 9, 14), dtype=torch.uint8)
    images = from_bytes(pixels)
    array = pixels.permute(0, 2, 3, 1).numpy()
    expected = tokenizer(images)
    for form in (pixels, images.double(), array, [Image.fromarray(each) for each in array]):
        tokens = tokenizer.encode(form)
        assert tokens.size == (9, 14) and torch.equal(tokens.grids[0], expected.tokens.grids[0])
        assert torch.equal(tokenizer(form).images, expected.images)
        assert torch.equal(tokenizer.latents(form), tokenizer.latents(images))
    one = tokenizer.encode(Image.fromarray(array[1]))
    assert torch.equal(one.grids[0], tokenizer.encode(images[1:]).grids[0])


@pytest.mark.parametrize("position", ["none", "sinusoidal", "learned"])
@pytest.mark.parametrize("name", QUANTIZERS)
def test_a_tokenizer_of_any_type_is_exact_and_takes_images_of_any_type(name, position):
    tokenizer = make(name, position)
    tokenizer.train()(photos(32, 32))
    images = photos(30, 17)
    tokens = tokenizer.eval().encode(images)
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        tokenizer.to(dtype)
        assert tokenizer.dtype == dtype and tokenizer.device == torch.device("cpu")
        out, encoded = tokenizer(images), tokenizer.encode(images.to(dtype))
        assert torch.equal(encoded.grids[0], out.tokens.grids[0]) and encoded.grids[0].dtype == torch.int64
        assert (encoded.grids[0] >= 0).all()
        assert (encoded.grids[0] < torch.tensor(tokenizer.quantizer.index_sizes)).all()
        assert torch.equal(tokenizer.decode(encoded), out.images) and out.images.dtype == dtype
        assert all(loss.dtype == torch.float32 and loss.isfinite() for loss in out.losses.values())
        assert torch.equal(tokenizer.bits(encoded), tokenizer.bits(tokens)) or name == "adaptive"


def test_a_tokenizer_in_half_precision_trains():
    tokenizer = make("vq").bfloat16().train()
    out = tokenizer(photos(16, 16))
    (out.images.square().mean() + out.losses["commitment"] + out.losses["codebook"]).backward()
    for name, parameter in tokenizer.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.dtype == parameter.dtype, name
        assert parameter.dtype == (torch.float32 if name.startswith("quantizer") else torch.bfloat16)
    assert tokenizer.autoencoder.encoder[0].weight.grad.any() and tokenizer.quantizer.codebook.weight.grad.any()


def test_tokens_are_those_of_float32_where_the_network_keeps_its_precision():
    """In float64 the network rounds less, so that the indices tell that codebooks and search are as before."""
    tokenizer = make("vq", codebook_size=16)
    images = photos(32, 32)
    assert torch.equal(tokenizer.encode(images).grids[0], tokenizer.double().encode(images).grids[0])


def test_a_latent_beyond_float16_is_told_with_what_helps():
    tokenizer = make().half()
    tokenizer.autoencoder.encoder[-1].bias.data.fill_(torch.inf)
    with pytest.raises(ValueError, match="NaN or infinite.*float16 ends at 65,504: take bfloat16 or float32"):
        tokenizer.encode(photos(8, 8))


def test_encode_and_decode_keep_no_gradient_and_forward_does():
    tokenizer = make()
    images = photos(8, 8).requires_grad_()
    tokens = tokenizer.encode(images)
    assert not tokenizer.decode(tokens).requires_grad
    tokenizer.decode(tokens).numpy()
    assert tokenizer(images).images.requires_grad


def test_parts_that_do_not_fit_are_refused():
    autoencoder = build_autoencoder("conv", latent_dim=DIM, width=8)
    quantizer, position = build("vq", dim=DIM), build_position("none", dim=DIM)
    with pytest.raises(ValueError, match="quantizer dim=16: the autoencoder's latent_dim is 32"):
        Tokenizer(autoencoder, build("vq", dim=16), position, 32)
    with pytest.raises(ValueError, match="position dim=16: the autoencoder's latent_dim is 32"):
        Tokenizer(autoencoder, quantizer, build_position("none", dim=16), 32)
    for wrong in (0, True, 32.0, "32", None):
        with pytest.raises(ValueError, match="resolution=.*expected a whole number"):
            Tokenizer(autoencoder, quantizer, position, wrong)


def hierarchy(position: str = "none", **place: str) -> Tokenizer:
    """16 codevectors on the coarse grid of stride 8, 32 on the fine one of stride 4."""
    torch.manual_seed(0)
    autoencoder = build_autoencoder(
        "hierarchical", latent_dim=DIM, stride=4, width=8, residual_width=4, residual_blocks=1
    )
    grid = {} if position == "none" else {"grid": 8, **place}
    levels = [build("vq", dim=DIM, codebook_size=size) for size in (16, 32)]
    return Tokenizer(autoencoder, levels, build_position(position, dim=DIM, **grid), 32).eval()


@pytest.mark.parametrize("place", ["decoder", "encoder", "both"])
@pytest.mark.parametrize("size", [(32, 32), (30, 17)])
def test_a_hierarchy_has_a_grid_a_level_and_bits_add_up(size, place):
    tokenizer = hierarchy("learned", place=place)
    images = photos(*size)
    out, tokens = tokenizer(images), tokenizer.encode(images)
    rows, columns = (-(-side // 8) for side in size)
    assert [grid.shape for grid in tokens.grids] == [(2, rows, columns, 1), (2, 2 * rows, 2 * columns, 1)]
    assert all(torch.equal(a, b) for a, b in zip(tokens.grids, out.tokens.grids, strict=True))
    assert torch.equal(tokenizer.decode(tokens), out.images)
    assert tokenizer.bits(tokens).tolist() == [rows * columns * (4 + 4 * 5)] * 2


def test_losses_of_levels_are_summed():
    tokenizer = hierarchy()
    images = photos(32, 32)
    features = tokenizer.autoencoder.encode(images)
    top = tokenizer.quantizers[0](tokenizer.autoencoder.latents(features).permute(0, 2, 3, 1))
    below = tokenizer.autoencoder.latents(features, top.latents.contiguous().permute(0, 3, 1, 2))
    bottom = tokenizer.quantizers[1](below.permute(0, 2, 3, 1))
    losses = tokenizer(images).losses
    assert losses.keys() == {"commitment", "codebook"}
    for name, loss in losses.items():
        assert loss.item() == pytest.approx((top.losses[name] + bottom.losses[name]).item(), rel=1e-5)


def test_a_hierarchy_survives_its_configuration_and_its_file(tmp_path):
    tokenizer = hierarchy("sinusoidal", place="both")
    assert [level["codebook_size"] for level in tokenizer.config["quantizer"]] == [16, 32]
    tokenizer.save_pretrained(tmp_path)
    again = Tokenizer.from_pretrained(tmp_path)
    assert again.config == tokenizer.config == json.loads(json.dumps(tokenizer.config))
    images = photos(24, 32)
    assert torch.equal(again(images).images, tokenizer(images).images)


def test_levels_that_do_not_fit_are_refused():
    tokenizer = hierarchy()
    with pytest.raises(ValueError, match="quantizer: 1 given; the autoencoder has 2 levels, one each"):
        Tokenizer(tokenizer.autoencoder, tokenizer.quantizers[0], tokenizer.position, 32)
    with pytest.raises(ValueError, match="quantizer: 2 given; the autoencoder has 1 level"):
        Tokenizer(make().autoencoder, list(tokenizer.quantizers), tokenizer.position, 32)
    tokens = tokenizer.encode(photos(32, 32))
    with pytest.raises(ValueError, match="tokens: 1 grids; expected 2, one a level"):
        tokenizer.decode(Tokens(tokens.grids[:1], tokens.size))
    config = tokenizer.config
    with pytest.raises(ValueError, match=r"config: quantizer=16: expected an object with a 'name'"):
        Tokenizer.from_config({**config, "quantizer": [config["quantizer"][0], 16]})


@pytest.mark.parametrize("name", ["sinusoidal", "nerf", "learned"])
@pytest.mark.parametrize("place", ["decoder", "encoder", "both"])
def test_where_an_encoding_is_added(name, place):
    """By hand, on latents that are not quantized, so that nothing hides it."""
    torch.manual_seed(0)
    autoencoder = make().autoencoder
    position = build_position(name, dim=DIM, grid=8, place=place)
    tokenizer = Tokenizer(autoencoder, build("none", dim=DIM), position, 32).eval()
    images = photos(32, 32)
    latents, encoding = autoencoder.encode(images), position(8, 8).permute(2, 0, 1)
    times = 2 if place == "both" else 1
    wanted = autoencoder.decode(latents + times * encoding).clamp(-1, 1)
    torch.testing.assert_close(tokenizer(images).images, wanted, rtol=0, atol=1e-5)
    torch.testing.assert_close(
        tokenizer(images, position=False).images, autoencoder.decode(latents).clamp(-1, 1), rtol=0, atol=1e-5
    )
    stored = tokenizer.encode(images).grids[0]
    assert torch.equal(stored, tokenizer.encode(images, position=False).grids[0]) is (place == "decoder")
