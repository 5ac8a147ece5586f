"""The starter zoo: one backbone and one budget on CIFAR-10, quantizers exchanged.

Backbone and length are those of the CVQ-VAE tables (arXiv:2307.15139), which LooC (arXiv:2601.00222) shares: stride
4, 128 channels, 500 epochs. Three things differ. The learning rate follows a cosine where theirs is constant. The best
checkpoint is chosen on images held out of the train split where theirs is chosen on the test split. The squared error
has weight 1 on [0, 1], where theirs, on [-1, 1] and divided by the variance of [0, 1], comes to 63.2: at that weight a
plain VQ's latents run away from its codebook (commitment loss over 1000 after 50 steps at either 3e-4 or 1e-3).
"""

from dataclasses import replace

from trainers.recipe import Recipe

_EPOCHS = 500
_BATCH = 256
_HELD_OUT = 1000


def vq() -> Recipe:
    """VQ-VAE, one codebook of 1024 x 128: 640 bits an image."""
    return Recipe(
        name="cifar10-vq-1024x128",
        dataset="cifar10",
        quantizer={"name": "vq", "codebook_size": 1024},
        weights={"reconstruction": 1.0, "codebook": 1.0, "commitment": 0.25},
        steps=_EPOCHS * (50_000 - _HELD_OUT) // _BATCH,
        batch_size=_BATCH,
        held_out=_HELD_OUT,
    )


def none() -> Recipe:
    """The plain autoencoder: what the backbone can do when nothing is quantized."""
    return replace(vq(), name="cifar10-none-128", quantizer={"name": "none"})


def ema() -> Recipe:
    """The codebook of `vq`, learnt by moving averages instead of by gradient."""
    return replace(vq(), name="cifar10-ema-1024x128", quantizer={"name": "ema", "codebook_size": 1024})


def cvq() -> Recipe:
    """The codebook of `vq` with CVQ's re-anchoring of unused codevectors and its cosine lookup."""
    return replace(vq(), name="cifar10-cvq-1024x128", quantizer={"name": "cvq", "codebook_size": 1024})


def rvq() -> Recipe:
    """Eight residual levels of 256: 4096 bits an image."""
    return replace(vq(), name="cifar10-rvq-8x256", quantizer={"name": "rvq", "levels": 8, "codebook_size": 256})


def looc() -> Recipe:
    """LooC, 32 segments of 4 dimensions sharing 256 codevectors: 16,384 bits an image, two thirds of raw pixels."""
    return replace(vq(), name="cifar10-looc-256x4", quantizer={"name": "looc", "codebook_size": 256, "segments": 32})


def looc_32() -> Recipe:
    """LooC with 32 codevectors: 10,240 bits an image."""
    return replace(vq(), name="cifar10-looc-32x4", quantizer={"name": "looc", "codebook_size": 32, "segments": 32})


def looc_factor2() -> Recipe:
    """`looc` on a grid interpolated twofold: 65,536 bits an image, 2.7 times those of raw pixels."""
    quantizer = looc().quantizer | {"factor": 2}
    return replace(looc(), name="cifar10-looc-256x4-factor2", quantizer=quantizer)


def cvq_sinusoidal() -> Recipe:
    """`cvq` with a sinusoidal positional encoding at the decoder's input, all else equal."""
    return replace(cvq(), name="cifar10-cvq-1024x128-sinusoidal", position="sinusoidal")


def cvq_learned() -> Recipe:
    """`cvq` with a learned positional encoding at the decoder's input, all else equal."""
    return replace(cvq(), name="cifar10-cvq-1024x128-learned", position="learned")
