"""VQGANs for photographs of flowers: the ablation of one study, and methods of other studies on the same network.

The study trains VQGAN's network on Oxford 102 at 256 x 256, with batches of 5, a learning rate of 2.25e-5, and a
discriminator after 100 updates. These recipes train the network `patch`, whose linear path starts as PCA, on crops of
64 with Muon, for which two CPU cores are enough. The losses are VQGAN's (arXiv:2012.09841): absolute error of pixels in
[-1, 1], which is twice that in [0, 1] and therefore has weight 2; LPIPS; and a hinge discriminator with weight 0.8,
scaled by the ratio of gradients at the last layer. LPIPS uses SqueezeNet instead of VGG, at half the weight: after the
same 600 updates this gains 0.5 dB at the same LPIPS. The codebook learns by moving averages, as one that learns by
gradient stays 1 dB behind (docs/training_fast.md); the commitment weight is 0.25. VQGAN's own network is
`--autoencoder.name vqgan --autoencoder.width 128 --autoencoder.multipliers 1 1 2 2 4`.
"""

from collections.abc import Iterator
from dataclasses import replace

from trainers.recipes.recipe import Adversary, Rates, Recipe, Settings

STEPS = 4_800
_PATCH: Settings = {"name": "patch", "stem": 4, "widths": (64, 96, 128), "blocks": 2}
NARROW: Settings = {"name": "vqgan", "width": 8, "multipliers": (1, 2, 4, 8, 12), "blocks": 1, "attention": (16,)}
"""A narrow version of VQGAN's network, for methods that change the network itself."""


def vqgan(size: int = 1024, dim: int = 256) -> Recipe:
    """Return the VQGAN: one codebook on a 16 x 16 grid; with 1024 codevectors 2560 bits an image."""
    return Recipe(
        name=f"flowers-vqgan-{size}x{dim}",
        dataset="flowers",
        autoencoder=_PATCH,
        quantizer={"name": "ema", "codebook_size": size},
        resolution=256,
        crop=64,
        latent_dim=dim,
        weights={"l1": 2.0, "perceptual": 0.5, "adversarial": 0.8, "commitment": 0.25},
        adversary=Adversary(start=STEPS * 3 // 4, width=32, learning_rate=4e-4),
        optimizer="muon",
        learning_rate=0.005,
        rates=Rates(vectors=1e-3, projections=1e-3, codebooks=1e-3),
        warmup=50,
        steps=STEPS,
        batch_size=16,
        held_out=128,
        evaluate_every=STEPS // 8,
    )


def _like(parent: Recipe, suffix: str, **changes: object) -> Recipe:
    """Return `parent` with these fields changed and a suffix to its name."""
    return replace(parent, name=f"{parent.name}-{suffix}", **changes)  # type: ignore[arg-type]


def none() -> Recipe:
    """Return the plain autoencoder of `vqgan`, trained with squared error, which shows what the network can do."""
    return replace(vqgan(), name="flowers-none-256", quantizer={"name": "none"}, weights={"reconstruction": 1.0})


def none_sinusoidal() -> Recipe:
    """Return `none` with a sinusoidal encoding at the decoder's input."""
    return _like(none(), "sinusoidal", position="sinusoidal")


def images_185() -> Recipe:
    """Return 8192 codevectors trained on 185 images instead of 2376, with as many steps, to show over-fitting."""
    return _like(vqgan(8192), "185-images", train_images=185)


def images_65() -> Recipe:
    """Return 8192 codevectors trained on 65 images."""
    return _like(vqgan(8192), "65-images", train_images=65)


def deep() -> Recipe:
    """Return `vqgan` with twice as many residual blocks at each scale."""
    return _like(vqgan(), "deep", autoencoder=_PATCH | {"blocks": 4})


def sinusoidal() -> Recipe:
    """Return `vqgan` with a sinusoidal encoding at the decoder's input."""
    return _like(vqgan(), "sinusoidal", position="sinusoidal")


def sinusoidal_both() -> Recipe:
    """Return `sinusoidal` with the encoding at the encoder's output, too."""
    return _like(sinusoidal(), "both", place="both")


def learned() -> Recipe:
    """Return `vqgan` with a learned encoding at the decoder's input."""
    return _like(vqgan(), "learned", position="learned")


def nerf() -> Recipe:
    """Return `vqgan` with NeRF's encoding at the decoder's input."""
    return _like(vqgan(), "nerf", position="nerf")


def size_8192_sinusoidal() -> Recipe:
    """Return 8192 codevectors with a sinusoidal encoding at the decoder's input."""
    return _like(vqgan(8192), "sinusoidal", position="sinusoidal")


def size_8192_sinusoidal_185() -> Recipe:
    """Return the study's "early signs of over-fitting": 8192 codevectors, sinusoidal encoding, 185 images."""
    return _like(size_8192_sinusoidal(), "185-images", train_images=185)


def study_code() -> Recipe:
    """Return the network of the study's code: 1-D encodings, each followed by dropout, and a decoder without a head."""
    return _like(vqgan(), "study-code", autoencoder=NARROW | {"name": "vqgan-study"})


def ablation() -> Iterator[Recipe]:
    """Yield the study's rows: codebook sizes and dimensions, numbers of training images, layers, and encodings."""
    yield from (vqgan(size) for size in (512, 1024, 2048, 4096, 8192))
    yield from (vqgan(size, dim) for size in (1024, 8192) for dim in (64, 128, 512))
    yield from (images_185(), images_65(), deep())
    yield from (sinusoidal(), sinusoidal_both(), learned(), nerf(), study_code())
    yield from (size_8192_sinusoidal(), size_8192_sinusoidal_185())


def looc() -> Recipe:
    """Return LooC: 64 segments of 4 dimensions share 256 codevectors; 131,072 bits an image, 2 a pixel.

    Principal components are distributed evenly among the segments, and codevectors start from k-means of the segments.
    """
    quantizer: Settings = {"name": "looc", "codebook_size": 256, "segments": 64, "start": "kmeans", "metric": "l2"}
    return replace(
        vqgan(),
        name="flowers-looc-256x4",
        autoencoder=_PATCH | {"balance": 64},
        quantizer=quantizer,
        weights={"reconstruction": 1.0, "codebook": 1.0, "commitment": 0.25},
    )


def looc_sinusoidal() -> Recipe:
    """Return `looc` with a sinusoidal encoding at the decoder's input."""
    return _like(looc(), "sinusoidal", position="sinusoidal")


def movq() -> Recipe:
    """Return MoVQ, whose latents modulate the decoder's norms: four segments share 1024 codevectors, 10,240 bits."""
    return replace(
        vqgan(),
        name="flowers-movq-1024x64",
        autoencoder=NARROW | {"name": "movq"},
        quantizer={"name": "looc", "codebook_size": 1024, "segments": 4},
        weights=vqgan().weights | {"codebook": 1.0},
    )


def rq() -> Recipe:
    """Return RQ-VAE's quantizer: four residual levels share 2048 codevectors on an 8 x 8 grid, 2816 bits an image."""
    return replace(
        vqgan(),
        name="flowers-rq-4x2048",
        autoencoder=_PATCH | {"widths": (64, 96, 128, 160)},
        quantizer={"name": "rq", "levels": 4, "codebook_size": 2048},
    )


def vit() -> Recipe:
    """Return ViT-VQGAN: a transformer on patches of 8 pixels, unit codevectors in 32 dimensions, 13,312 bits an image.

    Loss weights are those of the public re-implementation, without its log-Gaussian term.
    """
    return replace(
        vqgan(),
        name="flowers-vit-8192x32",
        autoencoder={"name": "vit", "stride": 8, "width": 192, "depth": 4, "heads": 3, "mlp": 768},
        quantizer={"name": "factorized", "codebook_size": 8192, "code_dim": 32},
        latent_dim=192,
        weights={"reconstruction": 4.0, "perceptual": 0.1, "adversarial": 0.1, "codebook": 1.0, "commitment": 0.25},
    )


def seqgan() -> Recipe:
    """Return SeQ-GAN: later perceptual layers weigh more; after half of the steps only the decoder is trained."""
    return replace(
        vqgan(),
        name="flowers-seqgan-1024x256",
        layer_weights=(0.0, 0.0, 0.5, 0.5, 1.0, 2.0, 3.0),
        second_phase=STEPS // 2,
    )


def hierarchical() -> Recipe:
    """Return VQ-VAE-2: grids of 32 x 32 and 64 x 64 with 512 codevectors each, 46,080 bits, no discriminator."""
    return replace(
        vqgan(),
        name="flowers-vqvae2-512x64",
        autoencoder={"name": "hierarchical", "stride": 4, "width": 64, "residual_width": 32},
        quantizer={"name": "ema", "codebook_size": 512},
        latent_dim=64,
        weights={"reconstruction": 1.0, "commitment": 0.25},
    )
