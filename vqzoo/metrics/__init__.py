"""Pure functions that measure images, codebooks and rates. Images are uint8, so a number is that of what one sees.

Protocol "lossless": reconstructions are clamped and rounded to bytes, nothing is resized or compressed, every metric is
computed per image and then averaged over images, but for the Frechet distances, which compare whole sets. Protocol
"cvq-jpeg" (`vqzoo.metrics.cvq_jpeg`) repeats the way in which the tables of two papers were measured, for those alone.
"""

from vqzoo.metrics.codebook import CodebookStats, by_codebook, codebook_stats, count_indices
from vqzoo.metrics.cvq_jpeg import CVQ_JPEG, CvqJpeg
from vqzoo.metrics.fid import FID_METRICS, Extractor, Fid, extractors
from vqzoo.metrics.fidelity import PSNR_CAP, l1, psnr, ssim
from vqzoo.metrics.perceptual import Perceptual, perceptual
from vqzoo.metrics.rate import Rate, rate

PROTOCOL = "lossless"

__all__ = [
    "CVQ_JPEG",
    "FID_METRICS",
    "PROTOCOL",
    "PSNR_CAP",
    "CodebookStats",
    "CvqJpeg",
    "Extractor",
    "Fid",
    "Perceptual",
    "Rate",
    "by_codebook",
    "codebook_stats",
    "count_indices",
    "extractors",
    "l1",
    "perceptual",
    "psnr",
    "rate",
    "ssim",
]
