"""A VQGAN's training step and reconstruction beside diffusers' VQModel: python benchmarks/vqgan.py [THREADS]

The same network on both sides, that of CompVis' taming-transformers (five scales, attention at the coarsest and in the
middle, group normalisation, 256 latent channels, 1024 codevectors), narrow on a CPU and as published on a GPU; the same
images, squared error plus the quantizer's losses, float32, timed alternately in one process.
"""

import sys
from collections.abc import Callable

import torch
import torch.nn.functional as F
from diffusers import VQModel
from side_by_side import compare, extra_memory, machine
from torch import Tensor, nn

from vqzoo.analysis.photograph import reconstruct
from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer

MULTIPLIERS = (1, 1, 2, 2, 4)
BLOCKS = 2


def ours(width: int, device: torch.device) -> Tokenizer:
    autoencoder = build_autoencoder("vqgan", width=width, multipliers=MULTIPLIERS, blocks=BLOCKS, attention=(16,))
    return Tokenizer(autoencoder, build("vq", dim=256), build_position("none", dim=256), 256).to(device)


def peer(width: int, device: torch.device) -> VQModel:
    scales = len(MULTIPLIERS) - 1
    return VQModel(
        down_block_types=("DownEncoderBlock2D",) * scales + ("AttnDownEncoderBlock2D",),
        up_block_types=("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * scales,
        block_out_channels=tuple(width * multiplier for multiplier in MULTIPLIERS),
        layers_per_block=BLOCKS,
        latent_channels=256,
        vq_embed_dim=256,
        num_vq_embeddings=1024,
        norm_num_groups=min(32, width // 4),
    ).to(device)


def step(model: nn.Module, run: Callable[[Tensor], tuple[Tensor, Tensor]], images: Tensor) -> Callable[[], None]:
    model.train()

    def once() -> None:
        model.zero_grad()
        restored, loss = run(images)
        (F.mse_loss(restored, images) + loss).backward()

    return once


def main(threads: int) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    width, batch, side = (128, 8, 256) if device.type == "cuda" else (32, 2, 128)
    print(f"## {machine()}\n")
    tokenizer, model = ours(width, device), peer(width, device)
    count = [sum(p.numel() for p in each.parameters()) / 1e6 for each in (tokenizer, model)]
    print(f"Width {width}: {count[0]:.2f} million parameters, the peer {count[1]:.2f} million.\n")

    def run_ours(images: Tensor) -> tuple[Tensor, Tensor]:
        out = tokenizer(images)
        return out.images, out.losses["codebook"] + 0.25 * out.losses["commitment"]

    def run_peer(images: Tensor) -> tuple[Tensor, Tensor]:
        out = model(images)
        return out.sample, out.commit_loss.mean()

    print("| what | vqzoo | diffusers | ratio (quartiles) | extra MiB, vqzoo | extra MiB, diffusers |\n|" + "---|" * 6)
    images = torch.rand(batch, 3, side, side, device=device) * 2 - 1
    a, b = step(tokenizer, run_ours, images), step(model, run_peer, images)
    row = compare(a, b).row()
    print(f"| training step, {batch} x {side} x {side} | {row} | {extra_memory(a):.0f} | {extra_memory(b):.0f} |")
    tokenizer.eval(), model.eval()
    image = torch.rand(1, 3, 256, 256, device=device) * 2 - 1
    with torch.inference_mode():
        row = compare(lambda: tokenizer(image), lambda: model(image)).row()
    print(f"| reconstruction, 256 x 256 | {row} | | |\n")

    pixels = ((image[0].permute(1, 2, 0) + 1) * 127.5).round().to(torch.uint8).cpu().numpy()
    with torch.inference_mode():
        run = compare(lambda: reconstruct(tokenizer, pixels), lambda: tokenizer(image))
    print(
        f"The app's reconstruction of a 256 x 256 photograph, PSNR, SSIM and use of the codebook included: "
        f"{run.ours:.3g} ms, the bare forward {run.peer:.3g} ms, {1 / run.ratio:.3g} times that."
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else torch.get_num_threads())
