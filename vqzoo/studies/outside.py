"""Reported rows without a recipe, and the reasons."""

from vqzoo.studies.settings import Setting

_SAMPLES = "samples of a latent diffusion model, not reconstructions: there is no generator here"
_DATASETS = {
    "ffhq": "256 x 256 faces on the papers' VQGAN; the data are not here, and the code of these rows was not released",
    "imagenet": "1.3 million images on the papers' VQGAN; the data are not here, nor was the code released",
    "celeba (trained on ffhq)": "needs the model of FFHQ",
    "tiny-imagenet": "the data are not here; `--dataset` and `--resolution 64` on a recipe of CIFAR-10 would train it",
    "diabetic-retinopathy": "the data are not here and need a registration",
    "celeba": "the data are not here; the study does not say at which size it took them",
}
_METHODS = {
    "best-fixed": "no training of its own: the best of the study's table 1",
}


def outside(setting: Setting) -> str | None:
    """Return why a reported row has no recipe; None if it has one."""
    if setting.method == "looc-ldm":
        return _SAMPLES
    return _DATASETS.get(setting.dataset) or _METHODS.get(setting.method)
