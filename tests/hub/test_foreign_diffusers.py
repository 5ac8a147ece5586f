"""Repositories of diffusers' `VQModel`, written by diffusers itself and converted: indices and images are its own."""

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from vqzoo.cli import main
from vqzoo.hub.foreign import convert
from vqzoo.tokenizer import Tokenizer

diffusers = pytest.importorskip("diffusers", reason="diffusers, whose class writes these files, is missing")

PLAIN = {
    "down_block_types": ("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
    "up_block_types": ("AttnUpDecoderBlock2D", "UpDecoderBlock2D"),
    "block_out_channels": (32, 64),
    "latent_channels": 6,
    "num_vq_embeddings": 24,
}
CASES = {
    "plain": {},
    "spatial": {"norm_type": "spatial", "layers_per_block": 2},
    "no-middle": {
        "mid_block_add_attention": False,
        "down_block_types": ("DownEncoderBlock2D",) * 3,
        "up_block_types": ("UpDecoderBlock2D",) * 3,
        "block_out_channels": (32, 32, 96),
        "lookup_from_codebook": True,
        "force_upcast": True,
    },
    "narrow-codes": {"vq_embed_dim": 4, "norm_num_groups": 16, "in_channels": 1, "out_channels": 1},
}


def repository(folder: Path, **settings: object) -> "diffusers.VQModel":
    """A tiny random model, saved as it would be published; its norms are not what they start as."""
    torch.manual_seed(0)
    peer = diffusers.VQModel(**(PLAIN | settings)).eval()
    with torch.no_grad():
        for name, parameter in peer.named_parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
            if name == "quantize.embedding.weight":
                parameter.normal_()
    peer.save_pretrained(folder)
    return peer


def edited(folder: Path, **settings: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


@pytest.mark.parametrize("case", CASES)
def test_same_indices_and_same_images_as_diffusers(case, tmp_path):
    peer, tokenizer = repository(tmp_path, **CASES[case]), convert(tmp_path)
    images = torch.rand(2, peer.config.in_channels, 8, 12) * 2 - 1
    with torch.no_grad():
        latents = peer.encode(images).latents
        torch.testing.assert_close(tokenizer.latents(images), latents.permute(0, 2, 3, 1), rtol=1e-4, atol=1e-4)
        indices = peer.quantize(latents)[2][2].view(2, *latents.shape[2:])
        tokens = tokenizer.encode(images)
        assert torch.equal(tokens.grids[0][..., 0], indices) and len(indices.unique()) > 2
        restored = tokenizer.restore([tokenizer.quantizer.decode(tokens.grids[0])], (8, 12))
        torch.testing.assert_close(restored, peer(images).sample, rtol=1e-4, atol=1e-4)
    assert tokenizer.bits(tokens).tolist() == pytest.approx([indices[0].numel() * math.log2(24)] * 2)


def test_the_old_names_of_attention_are_read(tmp_path):
    repository(tmp_path)
    expected = convert(tmp_path).state_dict()
    path = tmp_path / "diffusion_pytorch_model.safetensors"
    state = {}
    for key, tensor in load_file(path).items():
        for new, old in (
            (".to_q.", ".query."),
            (".to_k.", ".key."),
            (".to_v.", ".value."),
            (".to_out.0.", ".proj_attn."),
        ):
            key = key.replace(new, old)
        state[key] = tensor
    assert "encoder.mid_block.attentions.0.proj_attn.weight" in state
    save_file(state, path)
    assert all(torch.equal(tensor, expected[key]) for key, tensor in convert(tmp_path).state_dict().items())


def test_missing_settings_are_diffusers_own(tmp_path):
    """An old configuration lacks what came later; what is not there has the default of diffusers' signature."""
    repository(tmp_path)
    expected = convert(tmp_path).config
    path = tmp_path / "config.json"
    settings = json.loads(path.read_text())
    for key in ("norm_type", "mid_block_add_attention", "norm_num_groups", "vq_embed_dim", "act_fn", "force_upcast"):
        del settings[key]
    path.write_text(json.dumps(settings))
    assert convert(tmp_path).config == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"act_fn": "relu"}, "act_fn of VQModel='relu': .*known: silu, swish"),
        ({"norm_type": "layer"}, "norm_type of VQModel='layer'"),
        ({"norm_type": "spatial", "norm_num_groups": 16}, "norm_num_groups=16: expected 32 with norm_type='spatial'"),
        ({"norm_num_groups": 5}, "groups=5: expected a divisor of every width: 32, 64"),
        ({"out_channels": 6}, "out_channels=6: expected as many as in_channels"),
        ({"up_block_types": ["UpDecoderBlock2D"] * 2}, "expected attention at the same scales"),
        ({"down_block_types": ["DownBlock2D"] * 2}, "block type of VQModel='DownBlock2D': did you mean"),
        ({"down_block_types": ["DownEncoderBlock2D"]}, "expected three lists of one length"),
        ({"block_out_channels": 64}, "expected three lists of one length"),
        ({"block_out_channels": [32, "64"]}, "expected three lists of one length, the first of whole numbers above 0"),
        ({"block_out_channels": [32, 32]}, "tensor 'encoder.down_blocks.1.resnets.0.conv1.weight' has shape"),
        ({"num_vq_embeddings": 25}, r"tensor 'quantize.embedding.weight' has shape \(24, 6\)"),
        ({"layers_per_block": 2}, "tensor 'encoder.down_blocks.0.resnets.1.norm1.weight' is missing"),
        ({"mid_block_add_attention": False}, "tensor '.*attentions.0.*' is unknown to this family"),
        ({"depth": 3}, "setting of VQModel='depth'"),
        ({"_class_name": "AutoencoderKL"}, 'of no family that can be read; expected .*diffusers: "_class_name"'),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(settings, message, tmp_path):
    repository(tmp_path)
    edited(tmp_path, **settings)
    with pytest.raises(ValueError, match=message):
        convert(tmp_path)


def test_weights_without_their_configuration_are_refused(tmp_path):
    repository(tmp_path)
    with pytest.raises(ValueError, match='expected a folder with "_class_name": "VQModel" in config.json'):
        convert(tmp_path / "diffusion_pytorch_model.safetensors", "diffusers")


def test_converted_by_the_command_line(tmp_path, capsys):
    peer = repository(tmp_path / "theirs")
    assert main(["convert", str(tmp_path / "theirs"), str(tmp_path / "ours"), "--resolution", "64"]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'ours'}: autoencoder vqgan, quantizer vq\n")
    tokenizer = Tokenizer.from_pretrained(tmp_path / "ours")
    images = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(tokenizer(images).images, peer(images).sample.clamp(-1, 1), rtol=1e-4, atol=1e-4)
    assert tokenizer.resolution == 64
    assert main(["convert", str(tmp_path / "theirs"), str(tmp_path / "ours")]) == 1
    assert "expected a new or an empty folder" in capsys.readouterr().err
    assert main(["convert", str(tmp_path / "theirs"), str(tmp_path / "new"), "--family", "difusers"]) == 1
    assert "did you mean 'diffusers'" in capsys.readouterr().err
