"""VQGAN's relatives, converted: each peer's computation is stated again here, on its own keys, with torch's functions.

Tiny networks with random weights: two scales, one or four blocks, 32 or 64 channels in 32 groups.
"""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from vqzoo.hub.foreign import FAMILIES, convert, write
from vqzoo.hub.foreign.files import Checkpoint
from vqzoo.hub.foreign.taming import NAMES
from vqzoo.hub.foreign.vqgan import settings_of
from vqzoo.tokenizer import Tokenizer

State = dict[str, Tensor]
WIDTHS, INNER, DIM, SIZE = (32, 64), 6, 4, 24


def random_layer(state: State, key: str, *shape: int) -> None:
    """Weight and bias; those of norms, of one axis, around 1."""
    weight = torch.randn(shape)
    state[f"{key}.weight"] = 1 + weight / 4 if len(shape) == 1 else weight / math.sqrt(math.prod(shape[1:]))
    state[f"{key}.bias"] = torch.randn(shape[0]) / 4


def random_residual(state: State, key: str, width: int, out: int) -> None:
    random_layer(state, f"{key}.norm1", width)
    random_layer(state, f"{key}.conv1", out, width, 3, 3)
    random_layer(state, f"{key}.norm2", out)
    random_layer(state, f"{key}.conv2", out, out, 3, 3)
    if width != out:
        random_layer(state, f"{key}.nin_shortcut", out, width, 1, 1)


def random_attention(state: State, key: str, width: int) -> None:
    random_layer(state, f"{key}.norm", width)
    for name in ("q", "k", "v", "proj_out"):
        random_layer(state, f"{key}.{name}", width, width, 1, 1)


def conv(state: State, key: str, x: Tensor, **settings: int) -> Tensor:
    return F.conv2d(x, state[f"{key}.weight"], state[f"{key}.bias"], **settings)


def normed(state: State, key: str, x: Tensor) -> Tensor:
    return F.group_norm(x, 32, state[f"{key}.weight"], state[f"{key}.bias"], eps=1e-6)


def swish(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


def residual(state: State, key: str, x: Tensor) -> Tensor:
    inner = conv(state, f"{key}.conv1", swish(normed(state, f"{key}.norm1", x)), padding=1)
    inner = conv(state, f"{key}.conv2", swish(normed(state, f"{key}.norm2", inner)), padding=1)
    return inner + (conv(state, f"{key}.nin_shortcut", x) if f"{key}.nin_shortcut.weight" in state else x)


def attention(state: State, key: str, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    inner = normed(state, f"{key}.norm", x)
    q, k, v = (conv(state, f"{key}.{name}", inner).flatten(2) for name in "qkv")
    weights = torch.softmax(torch.einsum("bcq,bck->bqk", q, k) / math.sqrt(c), -1)
    mixed = torch.einsum("bqk,bck->bcq", weights, v)
    return x + conv(state, f"{key}.proj_out", mixed.view(b, c, h, w))


# What each of the two layouts calls a block, an attention, a change of scale and the middle, scale 0 the finest.
LAYOUTS: dict[str, dict[str, Callable[..., str]]] = {
    "taming": {
        "down": lambda scale: f"encoder.down.{scale}",
        "up": lambda scale: f"decoder.up.{scale}",
        "block": lambda block: f"block.{block}",
        "middle": lambda half, part: f"{half}.mid.{('block_1', 'attn_1', 'block_2')[part]}",
    },
    "llamagen": {
        "down": lambda scale: f"encoder.conv_blocks.{scale}",
        "up": lambda scale: f"decoder.conv_blocks.{len(WIDTHS) - 1 - scale}",
        "block": lambda block: f"res.{block}",
        "middle": lambda half, part: f"{half}.mid.{part}",
    },
}


def published(layout: str, blocks: int = 1) -> State:
    """A random state with the keys of that layout, attention at the coarser scale."""
    torch.manual_seed(0)
    name, state = LAYOUTS[layout], {}
    narrow, wide = WIDTHS
    random_layer(state, "encoder.conv_in", narrow, 3, 3, 3)
    random_layer(state, "decoder.conv_in", wide, INNER, 3, 3)
    for half, width in (("encoder", wide), ("decoder", wide)):
        for part in (0, 2):
            random_residual(state, name["middle"](half, part), width, width)
        random_attention(state, name["middle"](half, 1), width)
    for scale, (before, after) in enumerate([(narrow, narrow), (narrow, wide)]):
        for block in range(blocks):
            prefix = name["down"](scale)
            random_residual(state, f"{prefix}.{name['block'](block)}", after if block else before, after)
            if scale == 1:
                random_attention(state, f"{prefix}.attn.{block}", after)
    random_layer(state, f"{name['down'](0)}.downsample.conv", narrow, narrow, 3, 3)
    for scale, (before, after) in enumerate([(wide, narrow), (wide, wide)]):
        for block in range(blocks + 1):
            prefix = name["up"](scale)
            random_residual(state, f"{prefix}.{name['block'](block)}", after if block else before, after)
            if scale == 1:
                random_attention(state, f"{prefix}.attn.{block}", after)
    random_layer(state, f"{name['up'](1)}.upsample.conv", wide, wide, 3, 3)
    random_layer(state, "encoder.norm_out", wide)
    random_layer(state, "encoder.conv_out", INNER, wide, 3, 3)
    random_layer(state, "decoder.norm_out", narrow)
    random_layer(state, "decoder.conv_out", 3, narrow, 3, 3)
    random_layer(state, "quant_conv", DIM, INNER, 1, 1)
    random_layer(state, "post_quant_conv", INNER, DIM, 1, 1)
    state["quantize.embedding.weight"] = torch.randn(SIZE, DIM)
    return state


def peer_latents(layout: str, state: State, images: Tensor, blocks: int = 1) -> Tensor:
    name = LAYOUTS[layout]
    x = conv(state, "encoder.conv_in", images, padding=1)
    for scale in range(2):
        prefix = name["down"](scale)
        for block in range(blocks):
            x = residual(state, f"{prefix}.{name['block'](block)}", x)
            if scale == 1:
                x = attention(state, f"{prefix}.attn.{block}", x)
        if scale == 0:
            x = conv(state, f"{prefix}.downsample.conv", F.pad(x, (0, 1, 0, 1)), stride=2)
    x = residual(state, name["middle"]("encoder", 0), x)
    x = attention(state, name["middle"]("encoder", 1), x)
    x = residual(state, name["middle"]("encoder", 2), x)
    x = conv(state, "encoder.conv_out", swish(normed(state, "encoder.norm_out", x)), padding=1)
    return conv(state, "quant_conv", x)


def peer_images(layout: str, state: State, quantized: Tensor, blocks: int = 1) -> Tensor:
    name = LAYOUTS[layout]
    x = conv(state, "decoder.conv_in", conv(state, "post_quant_conv", quantized), padding=1)
    x = residual(state, name["middle"]("decoder", 0), x)
    x = attention(state, name["middle"]("decoder", 1), x)
    x = residual(state, name["middle"]("decoder", 2), x)
    for scale in (1, 0):
        prefix = name["up"](scale)
        for block in range(blocks + 1):
            x = residual(state, f"{prefix}.{name['block'](block)}", x)
            if scale == 1:
                x = attention(state, f"{prefix}.attn.{block}", x)
        if scale == 1:
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
            x = conv(state, f"{prefix}.upsample.conv", x, padding=1)
    return conv(state, "decoder.conv_out", swish(normed(state, "decoder.norm_out", x)), padding=1)


def nearest(latents: Tensor, codebook: Tensor) -> Tensor:
    return (latents[..., None, :] - codebook).square().sum(-1).argmin(-1)


def unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)


# family -> layout, blocks, their indices (b, h, w) of latents (b, h, w, d) and a codebook, and what they decode.
PEERS: dict[str, tuple[str, int, Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "taming": ("taming", 1, nearest, lambda codebook: codebook),
    "ibq": ("taming", 4, lambda z, codebook: (z @ codebook.T).argmax(-1), lambda codebook: codebook),
    "llamagen": ("llamagen", 1, lambda z, codebook: nearest(unit(z), unit(codebook)), unit),
}


def photos() -> Tensor:
    return torch.rand(2, 3, 8, 12, generator=torch.Generator().manual_seed(1)) * 2 - 1


def saved(path: Path, state: object) -> Path:
    torch.save(state, path)
    return path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A taming file such as Lightning writes, with what is to be left out."""
    state = published("taming") | {"loss.discriminator.main.0.weight": torch.zeros(2), "loss.logvar": torch.zeros(())}
    return saved(tmp_path / "last.ckpt", {"epoch": 1, "state_dict": state})


@pytest.mark.parametrize("family", PEERS)
def test_same_indices_and_same_images_as_the_peer(family, tmp_path):
    layout, blocks, choose, decoded = PEERS[family]
    state = published(layout, blocks)
    tokenizer = convert(saved(tmp_path / "peer.pt", {"model": state}), family)
    images = photos()
    with torch.no_grad():
        latents = peer_latents(layout, state, images, blocks)
        torch.testing.assert_close(tokenizer.latents(images), latents.permute(0, 2, 3, 1), rtol=1e-4, atol=1e-4)
        codebook = state["quantize.embedding.weight"]
        indices = choose(latents.permute(0, 2, 3, 1), codebook)
        tokens = tokenizer.encode(images)
        assert torch.equal(tokens.grids[0][..., 0], indices) and len(indices.unique()) > 3
        quantized = decoded(codebook)[indices].permute(0, 3, 1, 2)
        expected = peer_images(layout, state, quantized, blocks)
        restored = tokenizer.restore(tokenizer.quantizer.decode(tokens.grids[0])[None], (8, 12))
        torch.testing.assert_close(restored, expected, rtol=1e-4, atol=1e-4)
        assert torch.equal(tokenizer.decode(tokens), restored.clamp(-1, 1))
    assert tokenizer.bits(tokens).tolist() == pytest.approx([4 * 6 * math.log2(SIZE)] * 2)
    assert not tokenizer.training and tokenizer.resolution == 256


def test_the_family_is_read_from_the_keys(tmp_path):
    for layout in LAYOUTS:
        state = published(layout)
        by_hand = convert(saved(tmp_path / "peer.pt", state), layout)
        actual = convert(tmp_path / "peer.pt")
        assert actual.config == by_hand.config
        assert all(torch.equal(tensor, by_hand.state_dict()[key]) for key, tensor in actual.state_dict().items())
    with pytest.raises(ValueError, match="keys are those of taming and of ibq; name the family"):
        convert(saved(tmp_path / "peer.pt", published("taming", 4)))
    with pytest.raises(ValueError, match=r"peer.pt: of no family that can be read; expected taming: keys encoder.down"):
        convert(saved(tmp_path / "peer.pt", {"layer.weight": torch.zeros(2)}))
    with pytest.raises(ValueError, match="family='llamagan': did you mean 'llamagen'"):
        convert(tmp_path / "peer.pt", "llamagan")


def test_the_published_sizes():
    """VQGAN's two and LlamaGen's VQ-16, without their numbers: settings as their authors published them."""
    with torch.device("meta"):
        state = {f"encoder.down.{scale}.block.{block}.conv1.weight": torch.empty(width, 1, 3, 3)
                 for scale, width in enumerate((128, 128, 256, 256, 512)) for block in range(2)}  # fmt: skip
        state |= {f"encoder.down.4.attn.{block}.q.weight": torch.empty(512, 512, 1, 1) for block in range(2)}
        state |= {"encoder.conv_in.weight": torch.empty(128, 3, 3, 3), "encoder.conv_out.weight": torch.empty(256, 1)}
        state |= {"quant_conv.weight": torch.empty(8, 256, 1, 1)}
    assert settings_of(Checkpoint("last.ckpt", state, 0, {}), NAMES) == {
        "name": "vqgan",
        "channels": 3,
        "latent_dim": 8,
        "inner_dim": 256,
        "width": 128,
        "multipliers": [1, 1, 2, 2, 4],
        "blocks": 2,
        "attention": [16],
        "groups": 32,
    }


def test_moving_averages_are_what_their_authors_evaluate(tmp_path):
    """In IBQ's files under names without dots; in LlamaGen's a whole state, beside which lies the plain one."""
    plain, average = published("taming", 4), {}
    for key, tensor in plain.items():
        average[key] = tensor + 0.1 * torch.randn_like(tensor)
    shadows = {f"model_ema.{key.replace('.', '')}": tensor for key, tensor in average.items()}
    counts = {"model_ema.decay": torch.tensor(0.99), "model_ema.num_updates": torch.tensor(7)}
    mixed = convert(saved(tmp_path / "a.ckpt", {"state_dict": plain | shadows | counts}), "ibq").state_dict()
    expected = convert(saved(tmp_path / "b.ckpt", {"state_dict": average}), "ibq").state_dict()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in mixed.items())
    llamagen = published("llamagen")
    other = {key: tensor + 1 for key, tensor in llamagen.items()} | {"quantize.codebook_used": torch.zeros(9)}
    both = convert(saved(tmp_path / "c.pt", {"model": other, "ema": llamagen, "steps": 3}))
    alone = convert(saved(tmp_path / "d.pt", {"model": llamagen | {"quantize.codebook_used": torch.zeros(9)}}))
    assert all(torch.equal(tensor, alone.state_dict()[key]) for key, tensor in both.state_dict().items())


def test_what_is_written_is_a_tokenizer_of_ours(checkpoint, tmp_path):
    tokenizer = write(checkpoint, tmp_path / "new" / "folder", resolution=64)
    again = Tokenizer.from_pretrained(tmp_path / "new" / "folder")
    assert again.config == tokenizer.config and again.resolution == 64
    images = photos()
    assert torch.equal(again(images).images, tokenizer(images).images)
    with pytest.raises(ValueError, match="folder: expected a new or an empty folder"):
        write(checkpoint, tmp_path / "new" / "folder")


@pytest.mark.parametrize("kind", ["zip", "legacy", "half", "safetensors", "folder"])
def test_all_kinds_of_files_give_the_same(kind, checkpoint, tmp_path):
    state, expected = published("taming"), convert(checkpoint).state_dict()
    path = tmp_path / "other.ckpt"
    if kind == "legacy":
        torch.save(state, path, _use_new_zipfile_serialization=False)
    elif kind in ("safetensors", "folder"):
        path = tmp_path / "folder" / "weights.safetensors"
        path.parent.mkdir()
        save_file(state, path)
        path = path.parent if kind == "folder" else path
    else:
        saved(path, {key: tensor.half() for key, tensor in state.items()} if kind == "half" else state)
    actual = convert(path).state_dict()
    for key, tensor in actual.items():
        assert tensor.dtype == torch.float32
        torch.testing.assert_close(tensor, expected[key].half().float() if kind == "half" else expected[key])


def test_nothing_holds_on_to_the_file(checkpoint):
    tokenizer = convert(checkpoint)
    before = tokenizer.decode(tokenizer.encode(photos()))
    checkpoint.write_bytes(bytes(checkpoint.stat().st_size))
    assert torch.equal(tokenizer.decode(tokenizer.encode(photos())), before)


class Evil:
    """Its pickle calls a function of its author's choice."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_pickle_is_refused_and_not_run(legacy, tmp_path):
    path, marker = tmp_path / "last.ckpt", tmp_path / "ran"
    torch.save({"state_dict": published("taming"), "x": Evil(marker)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ValueError, match=r"last.ckpt (would run code|is damaged, or holds more than tensors)"):
        convert(path)
    assert not marker.exists()


def test_what_training_leaves_beside_the_weights_is_passed_over(checkpoint, tmp_path, monkeypatch):
    """Objects of numpy and argparse, and of Lightning, whose classes are keys in old files and need not be there."""
    names = ["pytorch_lightning", "pytorch_lightning.callbacks", "pytorch_lightning.callbacks.model_checkpoint"]
    lightning = {name: ModuleType(name) for name in names}
    stored = type("ModelCheckpoint", (), {"__module__": names[-1]})
    lightning[names[-1]].ModelCheckpoint = stored
    more = {"best": np.float64(0.5), "args": argparse.Namespace(lr=1), "callbacks": {stored: {"monitor": stored()}}}
    with monkeypatch.context() as patch:
        for name, module in lightning.items():
            patch.setitem(sys.modules, name, module)
        path = saved(tmp_path / "more.ckpt", {"state_dict": published("taming")} | more)
    expected = convert(checkpoint).state_dict()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in convert(path).state_dict().items())


def without(key: str) -> Callable[[State], State]:
    return lambda state: {name: tensor for name, tensor in state.items() if name != key}


Q, BIAS = "encoder.mid.attn_1.q.weight", "encoder.conv_in.bias"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without(BIAS), f"tensor '{BIAS}' is missing"),
        (without("decoder.up.0.block.1.conv2.weight"), r"tensor 'decoder.up.0.block.1.conv2.weight' is missing"),
        (without("quant_conv.weight"), "tensor 'quant_conv.weight' is missing"),
        (lambda s: s | {"encoder.more.weight": torch.zeros(1)}, "tensor 'encoder.more.weight' is unknown"),
        (lambda s: s | {"quantize.used": torch.zeros(1)}, "tensor 'quantize.used' is unknown"),
        (
            lambda s: s | {Q: torch.zeros(64, 63, 1, 1)},
            rf"tensor '{Q}' has shape \(64, 63, 1, 1\).*of shape \(64, 64, 1",
        ),
        (lambda s: s | {Q: torch.zeros(64, 64, 1, 1, dtype=torch.int64)}, "has shape .* and type torch.int64"),
        (lambda s: s | {BIAS: torch.zeros(32, dtype=torch.complex64)}, "type torch.complex64"),
        (lambda s: s | {BIAS: "a word"}, f"'{BIAS}' is a str; expected names with dense tensors"),
        (lambda s: s | {BIAS: s[BIAS].to_sparse()}, "expected names with dense tensors"),
        (lambda s: s | {"quantize.embedding.weight": torch.zeros(4)}, r"has shape \(4,\)"),
        (lambda s: s | {"quantize.embedding.weight": torch.zeros(0, DIM)}, "codebook_size=0"),
        (lambda s: s | {"quantize.embedding.weight": torch.zeros(1).expand(2**20, DIM)}, "more numbers than the file"),
        (lambda s: s | {"encoder.down.0.block.0.conv1.weight": torch.zeros(0, 32, 3, 3)}, "multipliers=0"),
        (lambda s: s | {"encoder.conv_in.weight": torch.zeros(())}, "expected more axes"),
        (lambda s: s | {"encoder.conv_in.weight": torch.zeros(32, 4, 3, 3)}, "channels=4: expected 1"),
        (lambda s: [s], "expected a dict of tensors, or one under ema, model, state_dict"),
        (lambda s: {}, "expected a dict of tensors"),
    ],
)
@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
def test_a_state_that_does_not_fit_is_refused_by_name(change, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        convert(saved(tmp_path / "last.ckpt", change(published("taming"))), "taming")


def test_files_that_are_none_are_refused(checkpoint, tmp_path):
    whole = checkpoint.read_bytes()
    for name, content in (("a.ckpt", whole[:5000]), ("b.pt", b""), ("c.pth", b"no pickle"), ("d.safetensors", b"no")):
        (tmp_path / "bad").mkdir(exist_ok=True)
        (tmp_path / "bad" / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name} is (damaged|cut short)"):
            convert(tmp_path / "bad" / name)
    with pytest.raises(ValueError, match="no such file or folder; expected a checkpoint, downloaded beforehand"):
        convert(tmp_path / "none.ckpt")
    with pytest.raises(ValueError, match="e.txt: expected a file that ends in .safetensors, .ckpt, .pt, .pth, .bin"):
        (tmp_path / "e.txt").touch()
        convert(tmp_path / "e.txt")
    with pytest.raises(ValueError, match="expected one file of weights in it, found a.ckpt, b.pt, c.pth, d.safe"):
        convert(tmp_path / "bad")


def test_the_document_has_every_family():
    text = (Path(__file__).parents[2] / "docs" / "foreign.md").read_text(encoding="utf-8")
    assert all(f"`{family}`" in text for family in FAMILIES)
