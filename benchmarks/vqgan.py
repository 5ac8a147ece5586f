"""Measure a VQGAN's training step and reconstruction beside diffusers' VQModel.

    python benchmarks/vqgan.py [THREADS]

Both sides have the network of CompVis' taming-transformers (five scales, attention at the coarsest and in the middle,
group normalization, 256 latent channels, 1024 codevectors), narrow on a CPU and as published on a GPU; the same images,
squared error plus the quantizer's losses, float32, timed alternately in one process. Memory is what the first step adds
to the peak of a fresh process.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import VQModel
from side_by_side import compare, machine
from torch import Tensor, nn

from vqzoo.analysis.photograph import reconstruct
from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer

MULTIPLIERS = (1, 1, 2, 2, 4)
BLOCKS = 2


def ours(width: int, device: torch.device) -> Tokenizer:
    """Return our tokenizer."""
    autoencoder = build_autoencoder("vqgan", width=width, multipliers=MULTIPLIERS, blocks=BLOCKS, attention=(16,))
    return Tokenizer(autoencoder, build("vq", dim=256), build_position("none", dim=256), 256).to(device)


def peer(width: int, device: torch.device) -> VQModel:
    """Return diffusers' model of the same size."""
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


def make_step(which: str, width: int, images: Tensor) -> tuple[nn.Module, Callable[[], None]]:
    """Return the model called "vqzoo" or "diffusers" and a function that does one training step with it."""
    model = (ours if which == "vqzoo" else peer)(width, images.device).train()

    def once() -> None:
        model.zero_grad()
        out = model(images)
        if which == "vqzoo":
            restored, loss = out.images, out.losses["codebook"] + 0.25 * out.losses["commitment"]
        else:
            restored, loss = out.sample, out.commit_loss.mean()
        (F.mse_loss(restored, images) + loss).backward()

    return model, once


def extra(run: Callable[[], None]) -> float:
    """Return the MiB that a first run adds to the peak: of the GPU, or of the process on Linux."""
    if torch.cuda.is_available():
        before = torch.cuda.memory_allocated()
        run()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    Path("/proc/self/clear_refs").write_text("5")  # reset the peak to what is resident now
    before = _resident("VmRSS")
    run()
    return (_resident("VmHWM") - before) / 2**10


def _resident(field: str) -> int:
    return int(re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])


def setting() -> tuple[int, Tensor]:
    """Return the width of the network and the images of a step."""
    if torch.cuda.is_available():
        return 128, torch.rand(8, 3, 256, 256, device="cuda") * 2 - 1
    return 32, torch.rand(2, 3, 128, 128) * 2 - 1


def memory(which: str) -> float:
    """Return the MiB of one training step in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "1", which], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main(threads: int) -> None:
    """Run the benchmark and print its tables."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    width, images = setting()
    print(f"## {machine()}\n")
    (tokenizer, a), (model, b) = (make_step(which, width, images) for which in ("vqzoo", "diffusers"))
    count = [sum(p.numel() for p in each.parameters()) / 1e6 for each in (tokenizer, model)]
    print(f"Width {width}: {count[0]:.2f} million parameters, the peer {count[1]:.2f} million.\n")
    print("| what | vqzoo | diffusers | ratio (quartiles) | MiB, vqzoo | MiB, diffusers |\n|" + "---|" * 6)
    shape = " x ".join(map(str, (len(images), *images.shape[2:])))
    row = compare(a, b, rounds=9).row()
    print(f"| training step, {shape} | {row} | {memory('vqzoo'):.0f} | {memory('diffusers'):.0f} |", flush=True)

    tokenizer.eval(), model.eval()
    image = torch.rand(1, 3, 256, 256, device=images.device) * 2 - 1
    with torch.inference_mode():
        row = compare(lambda: tokenizer(image), lambda: model(image), rounds=9).row()
        print(f"| reconstruction, 256 x 256 | {row} | | |\n")
        pixels = ((image[0].permute(1, 2, 0) + 1) * 127.5).round().to(torch.uint8).cpu().numpy()
        run = compare(lambda: reconstruct(tokenizer, pixels), lambda: tokenizer(image), rounds=9)
    print(
        f"The app's reconstruction of a 256 x 256 photograph, PSNR, SSIM and use of the codebook included: "
        f"{run.ours:.3g} ms, the bare forward {run.peer:.3g} ms, {1 / run.ratio:.3g} times that."
    )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        torch.manual_seed(0)
        _, once = make_step(sys.argv[2], *setting())
        print(extra(once))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else torch.get_num_threads())
