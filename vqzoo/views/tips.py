"""What the headings of tables mean, and what each model is, a sentence each: the texts of tooltips."""

from collections.abc import Iterable

from vqzoo.analysis.formats import CODECS
from vqzoo.hub.model import Model
from vqzoo.metrics.table import METRICS
from vqzoo.views.methods import about
from vqzoo.views.priors import COLUMNS
from vqzoo.views.rate import AXES

_METRICS = {
    "psnr": "Peak signal-to-noise ratio, a mean over images; higher is better.",
    "ssim": "Structural similarity, 1 for equal images; higher is better.",
    "ms_ssim": "Structural similarity at five scales, 1 for equal images; higher is better.",
    "lpips": "Perceptual distance by a SqueezeNet, 0 for equal images; lower is better.",
    "rfid_squeeze": "Fréchet distance of SqueezeNet's features over all images; lower is better.",
    "l1": "Mean absolute difference of pixels in [0, 1]; lower is better.",
    "bits_per_image": "Bits of every index that decoding needs, before entropy coding; of a codec the whole file.",
    "bits_per_pixel": "True bits over the number of pixels; raw images have 24.",
    "share_of_raw": "True bits over those of raw pixels, 8 a channel.",
    "usage": "Share of the codevectors that were chosen at least once.",
}
HEADS = {
    **COLUMNS,
    **{
        text: about
        for name, about in _METRICS.items()
        for text in (METRICS[name].title, METRICS[name].head, METRICS[name].label)
    },
    **{name: f"{axis.label}: {axis.about}." for name, axis in AXES.items()},
    **{f"bits against {codec}, %": f"Change of bits at equal quality; −50 is half of {codec}'s." for codec in CODECS},
    "model": "Data set, method and size: point at a name to read what it is.",
    "kind": "What is stored for a latent.",
    "% of full budget": "Images seen in training over those of the recipe's full budget.",
    "codebooks": "Codebooks in memory; one that levels or segments share counts once.",
    "codevectors": "Codevectors of all codebooks.",
    "storage, bytes": "Size of all codebooks at 32 bits a number.",
    "search, multiplications": "To find the nearest codevectors of one image.",
    "maps, multiplications": "Of the quantizer's own linear maps, to encode and decode one image.",
    "search of one VQ for the same choices": "What a single codebook with as many possible choices would take.",
    "indices": "Whole numbers that an image becomes.",
    "fixed-length bits": "Bits of an image at log2 K an index.",
    "entropy-coded bits": "Bits of an image by an ideal coder that knows how often each codevector is used.",
    "saved, %": "What entropy coding saves of the fixed-length bits.",
    "own entropy, bits": "Entropy of this photograph's own indices: less than any coder can reach.",
    "with the test split's shares, bits": "By an ideal coder that knows the shares of the test split.",
    ".vqz file, bits": "Size of the photograph as a .vqz file, header included.",
    "symbols by": "Where the file's probabilities come from: usage on the test split, or neighbours as well.",
    "measured rates": "Points of the curve that is compared.",
    "setting": "Method and sizes of a row of the paper's table.",
    "reported": "The value that the paper prints.",
    "zoo": "Measured here on a shipped model.",
    "short": "Measured here after the same few updates for every row.",
    "long": "Measured here after 80 times as many images.",
    "full": "Measured here after the paper's epochs.",
    "difference": "Measured after the longest training here, less what is reported.",
    "true bits": "Bits of every index that decoding needs, before entropy coding.",
    "% of raw": "True bits over those of raw pixels, 8 a channel.",
    "trained": "How long, and by how many seeds.",
    "quantizer": "How latents become indices.",
    "data set": "The images that it was trained and measured on.",
    "where": "On this machine, in the shipped list, on the Hub, or downloaded.",
    "images seen": "Images seen in training, repeats counted.",
    "MB": "Size of model.safetensors.",
    "author": "Who published it on the Hub.",
    "usage here": "Share of the codevectors that this photograph uses.",
    "usage on test split": "Share of the codevectors that the test split uses.",
    "encode ms": "Time to encode the photograph on this machine.",
    "decode ms": "Time to decode it on this machine.",
    "weights M": "Numbers in the model's weights, in millions.",
    "most used here": "Index of a codevector.",
    "this image": "How often it is used in the photograph.",
    "test split": "How often it is used in the test split.",
}
"""Heading of a column -> what it means."""


def tips(models: Iterable[Model]) -> dict[str, dict[str, str]]:
    """Return the tooltips of headings and of the names of models."""
    return {"heads": HEADS, "models": {model.name: about(model) for model in models}}
