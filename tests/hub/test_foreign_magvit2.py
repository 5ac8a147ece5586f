"""Open-MAGVIT2's tokenizer, converted: its computation is stated again here, on its own keys, in plain torch."""

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vqzoo.hub.foreign import convert

State = dict[str, Tensor]
BITS, NARROW, WIDE, BLOCKS = 6, 32, 64, 2


def random_layer(state: State, key: str, *shape: int, bias: bool = True) -> None:
    weight = torch.randn(shape)
    state[f"{key}.weight"] = 1 + weight / 4 if len(shape) == 1 else weight / math.sqrt(math.prod(shape[1:]))
    if bias:
        state[f"{key}.bias"] = torch.randn(shape[0]) / 4


def random_block(state: State, key: str, width: int, out: int) -> None:
    random_layer(state, f"{key}.norm1", width)
    random_layer(state, f"{key}.norm2", out)
    random_layer(state, f"{key}.conv1", out, width, 3, 3, bias=False)
    random_layer(state, f"{key}.conv2", out, out, 3, 3, bias=False)
    if width != out:
        random_layer(state, f"{key}.nin_shortcut", out, width, 1, 1, bias=False)


def published() -> State:
    """A random state with the keys of the published files, two scales."""
    torch.manual_seed(0)
    state: State = {}
    random_layer(state, "encoder.conv_in", NARROW, 3, 3, 3, bias=False)
    random_layer(state, "decoder.conv_in", WIDE, BITS, 3, 3)
    for block in range(BLOCKS):
        random_block(state, f"encoder.down.0.block.{block}", NARROW, NARROW)
        random_block(state, f"encoder.down.1.block.{block}", WIDE if block else NARROW, WIDE)
        random_block(state, f"encoder.mid_block.{block}", WIDE, WIDE)
        random_block(state, f"decoder.mid_block.{block}", WIDE, WIDE)
        random_block(state, f"decoder.up.1.block.{block}", WIDE, WIDE)
        random_block(state, f"decoder.up.0.block.{block}", NARROW if block else WIDE, NARROW)
    random_layer(state, "encoder.down.0.downsample", NARROW, NARROW, 3, 3)
    random_layer(state, "decoder.up.1.upsample.conv1", 4 * WIDE, WIDE, 3, 3)
    for scale in (0, 1):
        for name in ("gamma", "beta"):
            random_layer(state, f"decoder.adaptive.{scale}.{name}", WIDE, BITS)
    random_layer(state, "encoder.norm_out", WIDE)
    random_layer(state, "encoder.conv_out", BITS, WIDE, 1, 1)
    random_layer(state, "decoder.norm_out", NARROW)
    random_layer(state, "decoder.conv_out", 3, NARROW, 3, 3)
    return state


def conv(state: State, key: str, x: Tensor, **settings: int) -> Tensor:
    return F.conv2d(x, state[f"{key}.weight"], state.get(f"{key}.bias"), **settings)


def activated(state: State, key: str, x: Tensor) -> Tensor:
    x = F.group_norm(x, 32, state[f"{key}.weight"], state[f"{key}.bias"], eps=1e-6)
    return x * torch.sigmoid(x)


def block(state: State, key: str, x: Tensor) -> Tensor:
    inner = conv(state, f"{key}.conv1", activated(state, f"{key}.norm1", x), padding=1)
    inner = conv(state, f"{key}.conv2", activated(state, f"{key}.norm2", inner), padding=1)
    return inner + (conv(state, f"{key}.nin_shortcut", x) if f"{key}.nin_shortcut.weight" in state else x)


def adapted(state: State, key: str, x: Tensor, z: Tensor) -> Tensor:
    n = z.shape[2] * z.shape[3]
    mean = z.sum((2, 3)) / n
    spread = ((z - mean[..., None, None]) ** 2).sum((2, 3)) / (n - 1)
    scale = F.linear((spread + 1e-6).sqrt(), state[f"{key}.gamma.weight"], state[f"{key}.gamma.bias"])
    shift = F.linear(mean, state[f"{key}.beta.weight"], state[f"{key}.beta.bias"])
    return F.group_norm(x, 32, eps=1e-6) * scale[..., None, None] + shift[..., None, None]


def doubled(x: Tensor) -> Tensor:
    """Of (4c, h, w): pixel (2i + r, 2j + s) of channel k is channel (2r + s) c + k at (i, j)."""
    b, channels, h, w = x.shape
    out = x.new_empty(b, channels // 4, 2 * h, 2 * w)
    for row in (0, 1):
        for column in (0, 1):
            out[:, :, row::2, column::2] = x.chunk(4, 1)[2 * row + column]
    return out


def peer_latents(state: State, images: Tensor) -> Tensor:
    x = conv(state, "encoder.conv_in", images, padding=1)
    for number in range(BLOCKS):
        x = block(state, f"encoder.down.0.block.{number}", x)
    x = conv(state, "encoder.down.0.downsample", x, stride=2, padding=1)
    for number in range(BLOCKS):
        x = block(state, f"encoder.down.1.block.{number}", x)
    for number in range(BLOCKS):
        x = block(state, f"encoder.mid_block.{number}", x)
    return conv(state, "encoder.conv_out", activated(state, "encoder.norm_out", x))


def peer_images(state: State, z: Tensor) -> Tensor:
    x = conv(state, "decoder.conv_in", z, padding=1)
    for number in range(BLOCKS):
        x = block(state, f"decoder.mid_block.{number}", x)
    for scale in (1, 0):
        x = adapted(state, f"decoder.adaptive.{scale}", x, z)
        for number in range(BLOCKS):
            x = block(state, f"decoder.up.{scale}.block.{number}", x)
        if scale:
            x = doubled(conv(state, f"decoder.up.{scale}.upsample.conv1", x, padding=1))
    return conv(state, "decoder.conv_out", activated(state, "decoder.norm_out", x), padding=1)


def saved(path: Path, state: State) -> Path:
    torch.save({"state_dict": state}, path)
    return path


def test_same_indices_and_same_images_as_the_peer(tmp_path):
    state = published()
    tokenizer = convert(saved(tmp_path / "last.ckpt", state))
    images = torch.rand(2, 3, 8, 12) * 2 - 1
    with torch.no_grad():
        latents = peer_latents(state, images)
        torch.testing.assert_close(tokenizer.latents(images), latents.permute(0, 2, 3, 1), rtol=1e-4, atol=1e-4)
        indices = ((latents > 0) * 2 ** torch.arange(BITS).view(-1, 1, 1)).sum(1)
        tokens = tokenizer.encode(images)
        assert torch.equal(tokens.grids[0][..., 0], indices) and len(indices.unique()) > 5
        expected = peer_images(state, torch.where(latents > 0, 1.0, -1.0))
        restored = tokenizer.restore([tokenizer.quantizer.decode(tokens.grids[0])], (8, 12))
        torch.testing.assert_close(restored, expected, rtol=1e-4, atol=1e-4)
    assert tokenizer.bits(tokens).tolist() == [24 * BITS] * 2


def test_moving_averages_are_what_its_authors_evaluate(tmp_path):
    plain = published()
    average = {key: tensor + 0.1 for key, tensor in plain.items()}
    shadows = {f"model_ema.{key.replace('.', '')}": tensor for key, tensor in average.items()}
    left_out = {"loss.logvar": torch.zeros(()), "model_ema.decay": torch.tensor(0.9), "quantize.mask": torch.zeros(6)}
    actual = convert(saved(tmp_path / "a.ckpt", plain | shadows | left_out)).state_dict()
    expected = convert(saved(tmp_path / "b.ckpt", average)).state_dict()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in actual.items())


@pytest.mark.parametrize("key", ["decoder.adaptive.1.beta.bias", "decoder.up.1.upsample.conv1.bias", "more.weight"])
def test_a_key_that_is_missing_or_unknown_is_named(key, tmp_path):
    state = published()
    if state.pop(key, None) is None:
        state[key] = torch.zeros(1)
    with pytest.raises(ValueError, match=f"last.ckpt: tensor '{key}' is (missing|unknown)"):
        convert(saved(tmp_path / "last.ckpt", state))


def test_a_bias_where_the_family_has_none_is_named(tmp_path):
    with pytest.raises(ValueError, match="tensor 'encoder.conv_in.bias' is unknown"):
        convert(saved(tmp_path / "last.ckpt", published() | {"encoder.conv_in.bias": torch.zeros(NARROW)}))
