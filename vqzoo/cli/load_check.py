"""`vqzoo load-check`: check that a model does what every tokenizer must do."""

import math

import torch

from vqzoo.analysis.examples import examples
from vqzoo.cli.arguments import LoadCheck
from vqzoo.cli.show import print_json
from vqzoo.files.images import load_image
from vqzoo.hub.registry import load
from vqzoo.ops.pixels import from_bytes
from vqzoo.tokenizer import Tokenizer

_HEIGHT, _WIDTH = 125, 93  # no multiple of any stride, so that padding and cropping are tested


def run(settings: LoadCheck) -> int:
    """Check a model; raise ValueError for a failed check, or for files that disagree before loading them."""
    tokenizer = load(settings.source)
    checks = {"config.json and model.safetensors agree": True, **check(tokenizer)}
    numbers = sum(parameter.numel() for parameter in tokenizer.parameters())
    if settings.json:
        print_json({"source": settings.source, "parameters": numbers, "checks": checks})
    else:
        print(f"{settings.source}: {numbers:,} parameters")
        for what, passed in checks.items():
            print(f"  {'ok    ' if passed else 'FAILED'}  {what}")
    failed = [what for what, passed in checks.items() if not passed]
    if failed:
        raise ValueError(f"{settings.source} failed {len(failed)} of {len(checks)} checks: {'; '.join(failed)}")
    return 0


@torch.inference_mode()
def check(tokenizer: Tokenizer) -> dict[str, bool]:
    """Return the result of each check on part of a bundled photograph, by description."""
    pixels = load_image(examples()["Astronaut"]).pixels[:_HEIGHT, :_WIDTH]
    image = from_bytes(torch.from_numpy(pixels).permute(2, 0, 1)[None])
    if tokenizer.autoencoder.channels == 1:
        image = image.mean(1, keepdim=True)
    out = tokenizer(image)
    tokens = tokenizer.encode(image)
    bits = tokenizer.bits(tokens).item()
    grids = zip(tokens.grids, out.tokens.grids, strict=True)
    return {
        "encode gives the indices of forward": all(torch.equal(one, other) for one, other in grids),
        "decode(encode(image)) is forward(image), bit for bit": torch.equal(tokenizer.decode(tokens), out.images),
        "the image comes back in its size": out.images.shape == image.shape,
        "the image comes back in [-1, 1], every value a number": bool((out.images.abs() <= 1).all()),
        "true bits are a number above 0": math.isfinite(bits) and bits > 0,
    }
