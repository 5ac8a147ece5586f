"""VQGAN's autoencoder computes what diffusers' VQModel computes with the same weights."""

import pytest
import torch
from torch import nn

from vqzoo.autoencoders import build_autoencoder
from vqzoo.autoencoders.blocks import Attention, Downsample, ResidualBlock, Upsample

diffusers = pytest.importorskip("diffusers", reason="diffusers, the independent reference of this test, is missing")


def copy(ours: nn.Module, theirs: nn.Module) -> None:
    ours.load_state_dict(theirs.state_dict())


def copy_half(ours: nn.Module, theirs: nn.Module, blocks: list[nn.Module]) -> None:
    """The middle stands before an encoder's end and after a decoder's start; the rest is in the same order."""
    middle = [theirs.mid_block.resnets[0], theirs.mid_block.attentions[0], theirs.mid_block.resnets[1]]
    scales = []
    for block in blocks:
        attentions = getattr(block, "attentions", [None] * len(block.resnets))
        for resnet, attention in zip(block.resnets, attentions, strict=True):
            scales += [resnet, *([attention] if attention is not None else [])]
        scales += [s.conv for s in (getattr(block, "downsamplers", None) or getattr(block, "upsamplers", None) or [])]
    order = [*middle, *scales] if hasattr(theirs, "up_blocks") else [*scales, *middle]
    for own, other in zip(ours.layers, order, strict=True):
        if isinstance(own, ResidualBlock):
            for name in ("norm1", "conv1", "norm2", "conv2"):
                copy(getattr(own, name), getattr(other, name))
            if other.conv_shortcut is not None:
                copy(own.skip, other.conv_shortcut)
        elif isinstance(own, Attention):
            copy(own.norm, other.group_norm)
            for name in ("weight", "bias"):
                parts = [getattr(part, name).data for part in (other.to_q, other.to_k, other.to_v)]
                getattr(own.qkv, name).data.copy_(torch.cat(parts).view_as(getattr(own.qkv, name)))
                out = getattr(own.out, name)
                out.data.copy_(getattr(other.to_out[0], name).data.view_as(out))
        else:
            assert isinstance(own, (Downsample, Upsample))
            copy(own, other)
    copy(ours.conv_in, theirs.conv_in)
    copy(ours.norm, theirs.conv_norm_out)
    copy(ours.conv_out, theirs.conv_out)


def test_same_weights_same_latents_same_images():
    torch.manual_seed(0)
    theirs = diffusers.VQModel(
        down_block_types=("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
        up_block_types=("AttnUpDecoderBlock2D", "UpDecoderBlock2D"),
        block_out_channels=(128, 256),
        layers_per_block=1,
        latent_channels=16,
        vq_embed_dim=16,
        num_vq_embeddings=8,
    ).eval()
    ours = build_autoencoder("vqgan", latent_dim=16, width=128, multipliers=(1, 2), blocks=1, attention=(2,)).eval()
    copy_half(ours.encoder, theirs.encoder, theirs.encoder.down_blocks)
    copy_half(ours.decoder, theirs.decoder, theirs.decoder.up_blocks)
    copy(ours.encoder.project, theirs.quant_conv)
    copy(ours.decoder.project, theirs.post_quant_conv)
    images = torch.rand(2, 3, 16, 24) * 2 - 1
    with torch.no_grad():
        latents = theirs.encode(images).latents
        torch.testing.assert_close(ours.encode(images), latents, rtol=1e-4, atol=1e-5)
        restored = theirs.decode(latents, force_not_quantize=True).sample
        torch.testing.assert_close(ours.decode(latents), restored, rtol=1e-4, atol=1e-5)
