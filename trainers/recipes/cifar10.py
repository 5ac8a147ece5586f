"""Recipes of the zoo for small images: the same backbone, training and number of images for every quantizer.

The backbone is that of the CVQ-VAE tables (arXiv:2307.15139) and of LooC (arXiv:2601.00222): stride 4, 128 channels.
The training is the best that docs/training_fast.md found on two CPU cores: Muon, 12,800 updates of 16 images, a cosine
schedule. The best checkpoint is chosen on images held out of the train split. The squared error on [0, 1] has weight 1.
In the papers it is on [-1, 1] and divided by the variance on [0, 1], which amounts to a weight of 63.2; at that weight
the latents of a plain VQ diverge from its codebook.
"""

from dataclasses import replace

from trainers.recipes.recipe import Rates, Recipe

STEPS = 12_800
_CHANNELS_AND_SIDES = {"cifar10": (3, 32), "mnist": (1, 28), "fashion_mnist": (1, 28)}


def vq() -> Recipe:
    """Return the VQ-VAE: one codebook of 1024 x 128, 640 bits an image."""
    return Recipe(
        name="cifar10-vq-1024x128",
        dataset="cifar10",
        quantizer={"name": "vq", "codebook_size": 1024},
        weights={"reconstruction": 1.0, "codebook": 1.0, "commitment": 0.25},
        optimizer="muon",
        learning_rate=0.005,
        rates=Rates(vectors=3e-3, projections=3e-3, codebooks=3e-3),
        warmup=200,
        steps=STEPS,
        batch_size=16,
        held_out=1000,
        evaluate_every=STEPS // 8,
    )


def on(dataset: str, recipe: Recipe) -> Recipe:
    """Return a CIFAR-10 recipe for another data set of small images, with as many updates."""
    channels, resolution = _CHANNELS_AND_SIDES[dataset]
    name = f"{dataset}-{recipe.name.removeprefix('cifar10-')}"
    return replace(recipe, name=name, dataset=dataset, channels=channels, resolution=resolution)


def plain_vq() -> Recipe:
    """Return `vq` as in the papers: codevectors start near zero, and unused ones are not revived."""
    quantizer = vq().quantizer | {"start": "uniform", "revival": "none"}
    return replace(vq(), name="cifar10-vq-1024x128-plain", quantizer=quantizer)


def none() -> Recipe:
    """Return the plain autoencoder, which shows what the backbone can do without quantization."""
    return replace(vq(), name="cifar10-none-128", quantizer={"name": "none"})


def ema() -> Recipe:
    """Return `vq` with a codebook that learns by moving averages instead of by gradient."""
    return replace(vq(), name="cifar10-ema-1024x128", quantizer={"name": "ema", "codebook_size": 1024})


def cvq() -> Recipe:
    """Return `vq` with CVQ's re-anchoring of unused codevectors and its cosine lookup."""
    return replace(vq(), name="cifar10-cvq-1024x128", quantizer={"name": "cvq", "codebook_size": 1024})


def rvq() -> Recipe:
    """Return eight residual levels of 256 codevectors: 4096 bits an image."""
    return replace(vq(), name="cifar10-rvq-8x256", quantizer={"name": "rvq", "levels": 8, "codebook_size": 256})


def looc() -> Recipe:
    """Return LooC: 32 segments of 4 dimensions share 256 codevectors, 16,384 bits, two thirds of raw pixels."""
    return replace(vq(), name="cifar10-looc-256x4", quantizer={"name": "looc", "codebook_size": 256, "segments": 32})


def looc_32() -> Recipe:
    """Return LooC with 32 codevectors: 10,240 bits an image."""
    return replace(vq(), name="cifar10-looc-32x4", quantizer={"name": "looc", "codebook_size": 32, "segments": 32})


def looc_factor2() -> Recipe:
    """Return `looc` on a grid interpolated by 2: 65,536 bits an image, 2.7 times those of raw pixels."""
    quantizer = looc().quantizer | {"factor": 2}
    return replace(looc(), name="cifar10-looc-256x4-factor2", quantizer=quantizer)


def rotation() -> Recipe:
    """Return `vq` with the rotation trick instead of the straight-through estimator."""
    quantizer = vq().quantizer | {"estimator": "rotation"}
    return replace(vq(), name="cifar10-vq-1024x128-rotation", quantizer=quantizer)


def sq() -> Recipe:
    """Return SQ-VAE's stochastic quantization with a codebook of the size of `vq`'s.

    The divergences have weight 2 m n / D, with n = 64 latents and D = 3072 pixel values an image and a mean squared
    error m of 0.01. The variance starts at 1. From the paper's 20, samples are mixtures of all codevectors for many
    steps, far from the hard choices of evaluation: the held-out error after 150 steps is 0.071, and 0.015 from 1.
    """
    return replace(
        vq(),
        name="cifar10-sq-1024x128",
        quantizer={"name": "sq", "codebook_size": 1024, "variance": 1.0, "anneal_steps": STEPS // 2},
        weights={"reconstruction": 1.0, "kl_discrete": 4e-4, "kl_continuous": 4e-4},
    )


def gumbel() -> Recipe:
    """Return Gumbel-softmax quantization with a codebook of the size of `vq`'s and VQGAN's divergence weight."""
    return replace(
        vq(),
        name="cifar10-gumbel-1024x128",
        quantizer={"name": "gumbel", "codebook_size": 1024, "anneal_steps": STEPS // 2},
        weights={"reconstruction": 1.0, "kl": 5e-4},
    )


def pq() -> Recipe:
    """Return eight segments of 16 dimensions with a codebook of 256 each: 4096 bits an image, as `rvq`."""
    return replace(vq(), name="cifar10-pq-8x256", quantizer={"name": "pq", "segments": 8, "codebook_size": 256})


def rq() -> Recipe:
    """Return `rvq` with one codebook of 256 for all eight levels: 4096 bits an image."""
    return replace(vq(), name="cifar10-rq-8x256", quantizer={"name": "rq", "levels": 8, "codebook_size": 256})


def adaptive() -> Recipe:
    """Return eight codebooks, 512 x 128 to 65536 x 1, among which each latent chooses: 12 to 19 bits a latent."""
    return replace(vq(), name="cifar10-adaptive-65536", quantizer={"name": "adaptive", "capacity": 65536})


def factorized() -> Recipe:
    """Return ViT-VQGAN's unit codevectors in 32 dimensions, at the bits of `vq`."""
    return replace(
        vq(), name="cifar10-factorized-1024x32", quantizer={"name": "factorized", "codebook_size": 1024, "code_dim": 32}
    )


def fsq() -> Recipe:
    """Return finite scalar quantization with 8 x 5 x 5 x 5 = 1000 values: about the bits of `vq`, no codebook."""
    return replace(vq(), name="cifar10-fsq-8-5-5-5", quantizer={"name": "fsq", "levels": (8, 5, 5, 5)})


def lfq() -> Recipe:
    """Return lookup-free quantization with ten signs for a latent: the bits of `vq`, no codebook.

    Temperature 0.3, commitment weight 0.025 and entropy weight 0.05 replace the usual 0.01, 0.25 and 0.1, with which
    all latents collapse to two codes within 150 steps: the entropies have no gradient once the signs saturate. Here 919
    of the 1024 codes are in use after 100 steps.
    """
    return replace(
        vq(),
        name="cifar10-lfq-10",
        quantizer={"name": "lfq", "bits": 10, "temperature": 0.3},
        weights={"reconstruction": 1.0, "commitment": 0.025, "sample_entropy": 0.05, "entropy_deficit": 0.05},
    )


def bsq() -> Recipe:
    """Return binary spherical quantization with ten signs of a unit vector: the bits of `vq`, no codebook."""
    weights = {"reconstruction": 1.0, "commitment": 0.25, "sample_entropy": 0.1, "entropy_deficit": 0.1}
    return replace(vq(), name="cifar10-bsq-10", quantizer={"name": "bsq", "bits": 10}, weights=weights)


def simvq() -> Recipe:
    """Return SimVQ: a frozen codebook of the size of `vq`'s under a learned linear map."""
    return replace(vq(), name="cifar10-simvq-1024x128", quantizer={"name": "simvq", "codebook_size": 1024})


def ibq() -> Recipe:
    """Return index backpropagation with a codebook of the size of `vq`'s, and the loss weights of its public config."""
    weights = {"reconstruction": 1.0, "index": 1.0, "commitment": 1.0, "codebook": 0.25}
    weights |= {"sample_entropy": 0.05, "entropy_deficit": 0.05}
    return replace(vq(), name="cifar10-ibq-1024x128", quantizer={"name": "ibq", "codebook_size": 1024}, weights=weights)


def multiscale() -> Recipe:
    """Return VAR's pyramid of 1, 4, 16 and 64 cells with one codebook of 1024: 850 bits an image."""
    return replace(vq(), name="cifar10-multiscale-1024x128", quantizer={"name": "multiscale", "codebook_size": 1024})


def hvq() -> Recipe:
    """Return `ema` with a second layer above it, whose 16 indices of 1024 are all that is stored: 160 bits an image."""
    weights = {"reconstruction": 1.0, "commitment": 0.25, "guess": 1.0}
    return replace(vq(), name="cifar10-hvq-1024x128", quantizer={"name": "hvq", "codebook_size": 1024}, weights=weights)


def cvq_sinusoidal() -> Recipe:
    """Return `cvq` with a sinusoidal positional encoding at the decoder's input."""
    return replace(cvq(), name="cifar10-cvq-1024x128-sinusoidal", position="sinusoidal")


def cvq_learned() -> Recipe:
    """Return `cvq` with a learned positional encoding at the decoder's input."""
    return replace(cvq(), name="cifar10-cvq-1024x128-learned", position="learned")
