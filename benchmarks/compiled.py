"""Measure torch.compile: a tokenizer in evaluation mode, eager beside compiled.

    python benchmarks/compiled.py

Both run in channels-last memory, so that only the compiler differs.
"""

import torch
from side_by_side import compare, machine
from torch import Tensor

import vqzoo

NAMES = ["cifar10-none-128", "cifar10-vq-1024x128", "cifar10-rvq-8x256", "cifar10-looc-256x4", "cifar10-fsq-8-5-5-5"]


@torch.inference_mode()
def main() -> None:
    """Run the benchmark and print its tables."""
    torch.manual_seed(0)
    print(f"## {machine()}\n")
    print("### torch.compile, one batch of 64 images of 32 x 32 through a tokenizer in evaluation\n")
    print("| model | compiled | eager | eager / compiled (quartiles) |\n|" + "---|" * 4)
    images = torch.rand(64, 3, 32, 32).mul(2).sub(1).contiguous(memory_format=torch.channels_last)
    for name in NAMES:
        tokenizer = vqzoo.load(name).to(memory_format=torch.channels_last)
        compiled = torch.compile(tokenizer, fullgraph=True)

        def run(module: torch.nn.Module) -> Tensor:
            return module(images).images

        torch.testing.assert_close(run(compiled), run(tokenizer), rtol=1e-3, atol=1e-3)
        result = compare(lambda c=compiled: run(c), lambda t=tokenizer: run(t))
        print(f"| {name} | {result.row()} |", flush=True)


if __name__ == "__main__":
    main()
