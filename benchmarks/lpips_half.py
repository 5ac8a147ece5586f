"""Measure what half precision costs LPIPS: `python benchmarks/lpips_half.py [--draws 8] [--kodak FOLDER]`.

The shipped weights of SqueezeNet are rounded to half precision, and the numbers before that are not at hand. They lie
within half a unit in the last place of the shipped ones, though: each draw takes numbers from there at random. Pairs
are photographs and their JPEG files at qualities 5 to 80, and at 256 x 256 pixels what models make of them.
"""

import argparse
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import vqzoo
from vqzoo.metrics.perceptual import Perceptual
from vqzoo.metrics.squeezenet import squeezenet_weights
from vqzoo.ops.pixels import from_bytes, to_bytes

DATA = Path(__file__).parents[2] / "shared" / "data"
MODELS = ("cifar10-vq-1024x128", "cifar10-rvq-8x256", "flowers-vqgan-1024x256")
QUALITIES = (5, 20, 80)


def before_rounding(weights: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """Draw float32 weights, each uniform among the numbers that half precision rounds to the given one."""

    def draw(tensor: Tensor) -> Tensor:
        if tensor.dtype != torch.float16:
            return tensor
        _, exponent = torch.frexp(tensor.float())
        step = 2.0 ** (exponent - 11).clamp(min=-24)  # 11 bits of mantissa; below 2^-14 the last place stays
        return tensor.float() + step * (torch.rand(tensor.shape, generator=generator) - 0.5)

    return {name: draw(tensor) for name, tensor in weights.items()}


def photographs(folder: Path, number: int) -> Iterator[Tensor]:
    """Yield uint8 images (1, 3, h, w) of the parquet files in a folder."""
    import pandas

    files = sorted(folder.rglob("*.parquet"))
    rows = (row for file in files for row in pandas.read_parquet(file)["image"])
    for row in itertools.islice(rows, number):
        pixels = np.array(Image.open(io.BytesIO(row["bytes"])).convert("RGB"))
        yield torch.from_numpy(pixels).permute(2, 0, 1)[None]


def jpeg(image: Tensor, quality: int) -> Tensor:
    """Return the image after a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(image[0].permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)[None]


@torch.inference_mode()
def pairs(images: Iterator[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (reconstruction, original)."""
    tokenizers = [vqzoo.load(name) for name in MODELS]
    for image in images:
        yield from ((jpeg(image, quality), image) for quality in QUALITIES)
        corner = image[..., :256, :256].contiguous()
        yield from ((to_bytes(tokenizer(from_bytes(corner)).images), corner) for tokenizer in tokenizers)


def main() -> None:
    """Print the largest and the mean difference of each set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--images", type=int, default=24, help="of each set")
    parser.add_argument("--kodak", type=Path, default=DATA / "kodak")
    parser.add_argument("--flowers", type=Path, default=DATA / "flowers")
    options = parser.parse_args()
    shipped, generator = squeezenet_weights(), torch.Generator().manual_seed(0)
    rounded = Perceptual("squeeze", shipped)
    drawn = [Perceptual("squeeze", before_rounding(shipped, generator)) for _ in range(options.draws)]
    for name, folder in (("kodak", options.kodak), ("flowers", options.flowers)):
        values, differences = [], []
        for pair in pairs(photographs(folder, options.images)):
            values.append(rounded(*pair).item())
            differences += [abs(each(*pair).item() - values[-1]) for each in drawn]
        print(
            f"{name}: {len(values)} pairs of LPIPS {min(values):.4f} to {max(values):.4f}, {options.draws} draws; "
            f"difference at most {max(differences):.6f}, mean {np.mean(differences):.6f}"
        )


if __name__ == "__main__":
    main()
