"""ViT-VQGAN's autoencoder: patches by hand, the block against PyTorch's own, and places that are told apart."""

import pytest
import torch
from torch import nn

from vqzoo.autoencoders import build_autoencoder
from vqzoo.autoencoders.vit import Block

SMALL = {"latent_dim": 6, "stride": 2, "width": 8, "depth": 2, "heads": 2, "mlp": 12}


def test_patches_are_cut_and_laid_down_by_hand():
    autoencoder = build_autoencoder("vit", **{**SMALL, "channels": 1})
    autoencoder.encoder = autoencoder.decoder = nn.Identity()
    images = torch.arange(4 * 6).view(1, 1, 4, 6)
    patches = autoencoder.encode(images)
    assert patches[0, :, 0, 0].tolist() == [0, 1, 6, 7] and patches[0, :, 1, 2].tolist() == [16, 17, 22, 23]
    assert torch.equal(autoencoder.decode(patches), images)


def test_the_block_is_pytorchs():
    width, heads, mlp = 12, 3, 20
    block = Block(width, heads, mlp)
    for norm in (block.norm1, block.norm2):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    theirs = nn.TransformerEncoderLayer(
        width, heads, mlp, dropout=0.0, activation="gelu", norm_first=True, batch_first=True
    )
    pairs = {
        "self_attn.in_proj_": block.qkv,
        "self_attn.out_proj.": block.out,
        "linear1.": block.mlp[0],
        "linear2.": block.mlp[2],
        "norm1.": block.norm1,
        "norm2.": block.norm2,
    }
    theirs.load_state_dict({name + key: value for name, m in pairs.items() for key, value in m.state_dict().items()})
    tokens = torch.randn(2, 7, width)
    torch.testing.assert_close(block(tokens), theirs(tokens))


def test_parameters_of_the_published_small_network_by_hand():
    block = 2 * 2 * 512 + (512 * 3 * 512 + 3 * 512) + (512 * 512 + 512) + (512 * 2048 + 2048) + (2048 * 512 + 512)
    pixels = 3 * 8 * 8

    def transformer(dim: int, out: int) -> int:
        return (dim * 512 + 512) + 8 * block + 2 * 512 + (512 * 2048 + 2048) + (2048 * out + out)

    with torch.device("meta"):
        autoencoder = build_autoencoder("vit")
    counts = [sum(p.numel() for p in half.parameters()) for half in (autoencoder.encoder, autoencoder.decoder)]
    assert counts == [transformer(pixels, 32), transformer(32, pixels)] == [26_435_104, 26_681_024]


@pytest.mark.trap("T26")
@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_the_same_patch_is_another_one_in_another_row_or_column(half):
    network = getattr(build_autoencoder("vit", **SMALL).eval(), half)
    dim = network.project.in_features
    out = network(torch.randn(1, dim, 1, 1).expand(1, dim, 3, 4))[0]
    assert all(not torch.allclose(out[:, row], out[:, row + 1]) for row in range(2))
    assert all(not torch.allclose(out[..., column], out[..., column + 1]) for column in range(3))


def test_attention_reaches_from_corner_to_corner_and_tells_where_a_patch_lies():
    autoencoder = build_autoencoder("vit", **SMALL).eval()
    images = torch.rand(1, 3, 8, 12)
    elsewhere = images.clone()
    elsewhere[..., -2:, -2:] += 1
    assert not torch.allclose(autoencoder.encode(images)[..., 0, 0], autoencoder.encode(elsewhere)[..., 0, 0])


def test_the_head_is_two_layers_with_a_tanh_between():
    """Its first layer saturated, what comes out is bounded by its second: no more than the sum of its weights."""
    encoder = build_autoencoder("vit", **SMALL).encoder
    nn.init.constant_(encoder.head[0].bias, 100.0)
    out = encoder(torch.randn(1, 12, 2, 2))
    last = encoder.head[2]
    torch.testing.assert_close(out, (last.weight.sum(1) + last.bias).view(1, -1, 1, 1).expand(1, 6, 2, 2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stride": 0}, "stride=0: expected a whole number from 1 to 64"),
        ({"width": 6}, r"width=6: expected a multiple of 4 \(sine, cosine, row, column\)"),
        ({"width": 0}, "width=0: expected a whole number from 4"),
        ({"heads": 3}, "heads=3: expected a divisor of width=512"),
        ({"heads": 0}, "heads=0: expected a whole number from 1"),
        ({"depth": 0}, "depth=0: expected a whole number from 1"),
        ({"mlp": 0}, "mlp=0: expected a whole number from 1"),
        ({"dept": 2}, "did you mean 'depth'"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_right(settings, message):
    with pytest.raises(ValueError, match=message), torch.device("meta"):
        build_autoencoder("vit", **settings)
