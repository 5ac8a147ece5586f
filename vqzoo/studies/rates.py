"""True bits of the settings in the studies' tables, which report none: every index that decoding needs."""

import math

from vqzoo.studies.settings import Setting

_SMALL = {"mnist": 7, "fashion_mnist": 7, "cifar10": 8, "tiny-imagenet": 16}
"""Side of the latent grid at stride 4, by data set."""
_LARGE = {"ffhq", "imagenet", "celeba (trained on ffhq)", "flowers"}
"""Data sets of 256 x 256 pixels, with 16 x 16 latents except for the methods of `_GRIDS`."""
_GRIDS = {"rq-vae": (8, 4), "movq": (16, 4), "vit-vqgan": (32, 1)}
"""Method -> side of its latent grid on `_LARGE`, and indices a latent."""
_ONE_INDEX = {"vq-vae", "cvq-vae", "sq-vae", "vqgan", "seq-gan", "vq-ema-fixed"}
_RAW = {"mnist": 8 * 28**2, "fashion_mnist": 8 * 28**2, "cifar10": 24 * 32**2, "tiny-imagenet": 24 * 64**2}


def fixed_bits(setting: Setting) -> float | None:
    """Return the bits of an image before entropy coding; None if the study does not state enough.

    For LooC these are beta^2 h w m log2 K with m segments; the paper leaves the beta^2 out.
    """
    small = _SMALL.get(setting.dataset)
    if setting.codebook_size is None or (small is None and setting.dataset not in _LARGE):
        return None
    side = small or 16
    dim = 128 if small else 256
    method, size = setting.method, setting.codebook_size
    if method in _ONE_INDEX:
        indices = 1
    elif method.startswith("looc") and setting.codevector_dim:
        indices = (setting.beta or 1) ** 2 * dim // setting.codevector_dim
    elif method == "pq" and setting.codebooks:
        indices = setting.codebooks
        if small:  # the code of these tables divides the codevectors among the codebooks
            size //= setting.codebooks
    elif method in _GRIDS and not small:
        side, indices = _GRIDS[method]
    else:
        return None
    return side**2 * indices * math.log2(size)


def raw_bits(dataset: str) -> int | None:
    """Return the bits of an image's pixels at 8 bits a value; None for a data set of unknown size."""
    return 24 * 256**2 if dataset in _LARGE else _RAW.get(dataset)
