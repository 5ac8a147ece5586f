"""VQGAN's and MoVQ's layers: parameters counted by hand, against PyTorch's own attention, and norms by hand."""

import pytest
import torch

from vqzoo.autoencoders import build_autoencoder
from vqzoo.autoencoders.blocks import Attention, Downsample, PlainNorm, ResidualBlock, SpatialNorm, Upsample

SMALL = {"latent_dim": 6, "width": 4, "multipliers": (1, 2), "blocks": 1, "attention": ()}


def conv(width: int, out: int, kernel: int = 3) -> int:
    return width * out * kernel**2 + out


def residual(width: int, out: int) -> int:
    return 2 * width + conv(width, out) + 2 * out + conv(out, out) + (conv(width, out, 1) if width != out else 0)


def attention(width: int) -> int:
    return 2 * width + 4 * conv(width, width, 1)


def counted(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_of_the_published_network_by_hand():
    """Without the 1 x 1 projections beside the quantizer: the 29.3 and 42.4 million of the published network."""
    with torch.device("meta"):
        autoencoder = build_autoencoder("vqgan")
    middle = 2 * residual(512, 512) + attention(512)
    encoder = (
        conv(3, 128)
        + 4 * residual(128, 128)
        + residual(128, 256)
        + 3 * residual(256, 256)
        + residual(256, 512)
        + residual(512, 512)
        + 2 * attention(512)
        + 2 * conv(128, 128)
        + 2 * conv(256, 256)
        + (middle + 2 * 512 + conv(512, 256))
    )
    decoder = (
        (conv(256, 512) + middle)
        + 3 * residual(512, 512)
        + 3 * attention(512)
        + residual(512, 256)
        + 5 * residual(256, 256)
        + residual(256, 128)
        + 5 * residual(128, 128)
        + conv(512, 512)
        + 2 * conv(256, 256)
        + conv(128, 128)
        + 2 * 128
        + conv(128, 3)
    )
    assert (encoder, decoder) == (29_298_176, 42_449_795)
    assert counted(autoencoder.encoder) == encoder + conv(256, 256, 1)
    assert counted(autoencoder.decoder) == decoder + conv(256, 256, 1)


def test_movq_adds_two_projections_of_the_latents_to_every_norm_of_the_decoder():
    plain, modulated = (build_autoencoder(name, **SMALL) for name in ("vqgan", "movq"))
    assert counted(modulated.encoder) == counted(plain.encoder)
    widths = [norm.num_channels for norm in plain.decoder.modules() if isinstance(norm, PlainNorm)]
    assert len(widths) == 2 * (2 + 4) + 1 + 1  # residual blocks, the head's attention, the end
    assert counted(modulated.decoder) - counted(plain.decoder) == sum(2 * conv(6, width, 1) for width in widths)
    assert not any(isinstance(module, SpatialNorm) for module in modulated.encoder.modules())


def test_attention_is_pytorchs_with_one_head():
    width, rows, columns = 8, 3, 5
    block = Attention(width)
    torch.nn.init.normal_(block.norm.weight)
    theirs = torch.nn.MultiheadAttention(width, 1, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(block.qkv.weight.flatten(1))
        theirs.in_proj_bias.copy_(block.qkv.bias)
        theirs.out_proj.weight.copy_(block.out.weight.flatten(1))
        theirs.out_proj.bias.copy_(block.out.bias)
    x = torch.randn(2, width, rows, columns)
    tokens = block.norm(x).flatten(2).transpose(1, 2)
    mixed, _ = theirs(tokens, tokens, tokens)
    torch.testing.assert_close(block(x), x + mixed.transpose(1, 2).reshape(x.shape))


def test_plain_norm_has_up_to_32_groups_of_at_least_4_channels():
    groups = {width: PlainNorm(width, 4).num_groups for width in range(1, 513)}
    assert [groups[width] for width in (1, 6, 12, 48, 64, 128, 256, 512)] == [1, 1, 1, 4, 16, 32, 32, 32]
    assert all(count == 1 or width // count >= 4 for width, count in groups.items())


@pytest.mark.parametrize("width", [4, 8, 12])
def test_plain_norm_leaves_of_a_channels_mean_what_the_others_lack(width):
    """With a channel a group, nothing of it would be left, and no picture could be brighter than another."""
    x = torch.randn(1, width, 5, 5)
    brighter = x.clone()
    brighter[:, 0] += 3
    norm = PlainNorm(width, 4)
    assert (norm(brighter) - norm(x))[:, 0].mean() > 0.5


def test_spatial_norm_by_hand():
    """One channel of one group: (1, 2, 3, 6) has mean 3 and variance 3.5; two latents, each for a column."""
    norm = SpatialNorm(1, 1)
    for module, weight, bias in ((norm.scale, 2.0, 1.0), (norm.shift, -1.0, 0.5)):
        module.weight.data.fill_(weight)
        module.bias.data.fill_(bias)
    x = torch.tensor([[1.0, 2.0], [3.0, 6.0]]).view(1, 1, 2, 2)
    latents = torch.tensor([[0.0, 10.0]]).view(1, 1, 1, 2)
    normed = [(value - 3) / 3.5**0.5 for value in (1, 2, 3, 6)]
    # Left column: scale 1, shift 0.5. Right column: scale 21, shift -9.5.
    expected = [normed[0] + 0.5, 21 * normed[1] - 9.5, normed[2] + 0.5, 21 * normed[3] - 9.5]
    assert norm(x, latents).flatten().tolist() == pytest.approx(expected, abs=1e-4)


def test_spatial_norm_resizes_by_repetition_before_or_after_the_projection():
    norm = SpatialNorm(4, 3)
    x, latents = torch.randn(2, 4, 6, 4), torch.randn(2, 3, 3, 2)
    large = latents.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(norm(x, latents), norm.norm(x) * norm.scale(large) + norm.shift(large))


@pytest.mark.parametrize(("name", "modulated"), [("vqgan", False), ("movq", True)])
def test_latents_modulate_movqs_norms_place_by_place(name, modulated):
    """Two grids of latents that differ in one place, with the same features going through the layers."""
    decoder = build_autoencoder(name, **SMALL).eval().decoder
    for parameter in decoder.parameters():  # at the start neither the norms nor the branches do anything
        torch.nn.init.normal_(parameter)
    one, other = torch.randn(1, 6, 4, 4), torch.zeros(1, 6, 4, 4)
    other[..., 1, 2] = 1.0
    other += one
    features = torch.randn(1, 4, 8, 8)
    changed = (decoder.norm(features, one) != decoder.norm(features, other)).any(1)[0]
    expected = torch.zeros(8, 8, dtype=torch.bool)
    expected[2:4, 4:6] = modulated
    assert torch.equal(changed, expected)
    wide = torch.randn(1, 8, 4, 4)
    assert torch.equal(decoder.layers[0](wide, one), decoder.layers[0](wide, other)) is not modulated


def test_residual_block_carries_its_input_and_projects_it_where_the_width_changes():
    x = torch.randn(1, 4, 3, 3)
    for out in (4, 6):
        block = ResidualBlock(4, out)
        torch.nn.init.zeros_(block.conv2.weight)
        torch.nn.init.zeros_(block.conv2.bias)
        torch.testing.assert_close(block(x), x if out == 4 else block.skip(x))


def test_downsample_is_padded_at_the_right_and_the_bottom():
    """Kernel of ones, no bias: sums of the 3 x 3 places from each even place on, as far as there are any."""
    layer = Downsample(1)
    torch.nn.init.ones_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    x = torch.arange(16.0).view(1, 1, 4, 4)
    inner = 0 + 1 + 2 + 4 + 5 + 6 + 8 + 9 + 10
    right, below = 2 + 3 + 6 + 7 + 10 + 11, 8 + 9 + 10 + 12 + 13 + 14
    assert layer(x).flatten().tolist() == [inner, right, below, 10 + 11 + 14 + 15]


def test_upsample_repeats_and_convolves():
    layer = Upsample(1)
    torch.nn.init.dirac_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    out = layer(torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 1, 2, 2))
    assert out[0, 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]


@pytest.mark.parametrize("attended", [(), (1,), (4, 2)])
def test_attention_follows_every_residual_block_of_the_strides_listed(attended):
    autoencoder = build_autoencoder(
        "vqgan", **{**SMALL, "multipliers": (1, 1, 1), "blocks": 2, "attention": list(attended)}
    )
    for half, blocks in ((autoencoder.encoder, 2), (autoencoder.decoder, 3)):
        assert sum(isinstance(layer, Attention) for layer in half.layers) == 1 + blocks * len(attended)
        scale = torch.zeros(1, 4, 8, 8) if half is autoencoder.encoder else torch.zeros(1, 4, 2, 2)
        strides = []
        for layer in half.layers:
            scale = layer(scale)
            strides += [8 // scale.shape[-1]] if isinstance(layer, Attention) else []
        assert set(strides) - {4} == set(attended) - {4}


def test_attention_in_the_middle_can_be_left_out_and_groups_be_chosen():
    settings = SMALL | {"inner_dim": 5, "groups": 2, "middle_attention": False}
    for name in ("vqgan", "movq"):
        autoencoder = build_autoencoder(name, **settings)
        assert not any(isinstance(module, Attention) for module in autoencoder.modules())
        assert {norm.num_groups for norm in autoencoder.modules() if isinstance(norm, PlainNorm)} == {2}
        assert autoencoder.encoder.project.weight.shape == (6, 5, 1, 1)
        assert autoencoder.decoder.project.weight.shape == (5, 6, 1, 1)
    study = build_autoencoder("vqgan-study", **settings).decoder
    head = build_autoencoder("vqgan-study", **SMALL).decoder
    assert [type(layer) for layer in study.layers] == [type(layer) for layer in head.layers]


@pytest.mark.parametrize("name", ["vqgan", "vqgan-study", "movq"])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"multipliers": (1,)}, r"multipliers=\(1,\): expected 2 to 8 whole numbers, one a scale, finest first"),
        ({"multipliers": 2}, "multipliers=2: expected 2 to 8 whole numbers"),
        ({"multipliers": (1, 0)}, "multipliers=0: expected a whole number from 1 to 64"),
        ({"attention": (3,)}, r"attention=\(3,\): expected strides out of 1, 2, 4, 8, 16"),
        ({"attention": (32,)}, r"attention=\(32,\): expected strides out of 1, 2, 4, 8, 16"),
        ({"attention": 16}, "attention=16: expected strides out of"),
        ({"blocks": 0}, "blocks=0: expected a whole number from 1"),
        ({"width": 0}, "width=0: expected a whole number from 1"),
        ({"groups": 48}, "groups=48: expected a divisor of every width: 128, 128, 256, 256, 512"),
        ({"groups": 0}, "groups=0: expected a whole number from 1"),
        ({"inner_dim": 0}, "inner_dim=0: expected a whole number from 1"),
        ({"middle_attention": 1}, "middle_attention=1: expected True or False"),
        ({"multiplier": (1, 2)}, "did you mean 'multipliers'"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_right(name, settings, message):
    with pytest.raises(ValueError, match=message):
        build_autoencoder(name, **settings)


def test_it_starts_as_a_chain_of_convolutions_that_keep_a_signals_size():
    """Branches end in zeros, so that a block is its skip; MoVQ starts as VQGAN does."""
    torch.manual_seed(0)
    vqgan = build_autoencoder("vqgan", width=32, multipliers=(1, 2, 4), blocks=1, attention=(4,), latent_dim=64)
    x = torch.randn(2, 32, 8, 8)
    blocks = [module for module in vqgan.modules() if isinstance(module, (ResidualBlock, Attention))]
    assert len(blocks) == 3 + 1 + 3 + 6 + 2 + 3
    assert torch.equal(vqgan.encoder.layers[0](x), x)
    images = torch.randn(2, 3, 32, 32)
    latents = vqgan.encode(images)
    assert 0.5 < latents.std() < 2 and 0.5 < vqgan.decode(latents).std() < 2
    torch.manual_seed(0)
    movq = build_autoencoder("movq", width=32, multipliers=(1, 2, 4), blocks=1, attention=(4,), latent_dim=64)
    own = movq.state_dict()
    plain = {}
    for key in vqgan.state_dict():
        layer, _, kind = key.rpartition(".")
        plain[key] = own[key] if key in own else own[f"{layer}.norm.{kind}"]
    vqgan.load_state_dict(plain)
    torch.testing.assert_close(movq.decode(latents), vqgan.decode(latents))
