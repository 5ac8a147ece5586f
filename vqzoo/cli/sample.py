"""`vqzoo sample`: draw images with a prior."""

import math

from torchvision.utils import make_grid, save_image

from vqzoo.cli.arguments import Sample
from vqzoo.cli.show import note
from vqzoo.ops.check import check_int
from vqzoo.ops.device import best_device, check_device

try:
    from vqzoo.generation.generate import generate
except ModuleNotFoundError as error:
    raise ValueError(f'sample needs {error.name}: in the checkout, pip install -e ".[generation]"') from None


def run(settings: Sample) -> int:
    """Draw images and write them as one PNG; raise ValueError for an unknown prior or class."""
    check_int("n", settings.n, 1, 4096)
    images = generate(
        settings.prior,
        settings.n,
        settings.label,
        temperature=settings.temperature,
        top_k=settings.top_k,
        top_p=settings.top_p,
        guidance=settings.guidance,
        seed=settings.seed,
        device=check_device(settings.device or best_device()),
    )
    grid = make_grid(images.cpu(), nrow=math.ceil(math.sqrt(settings.n)), padding=1, pad_value=1)
    save_image(grid / 2 + 0.5, settings.output)
    note(f"{settings.output}: {settings.n:,} images")
    return 0
