"""The studies that the zoo began with: what they report, what was measured here, and which claims hold.

These modules read and check files; nothing here computes with tensors.
"""

STUDIES: dict[str, str] = {
    "looc": "LooC: one low-dimensional codebook for all segments (arXiv:2601.00222)",
    "adaptive": "Adaptive dynamic quantization: a choice of codebooks (arXiv:2407.04939)",
    "rvq": "Residual vector quantization for compression (OvGU AI lab, blog of May 2024)",
    "vqgan": "VQGAN on one GPU: an ablation on Oxford Flowers (arXiv:2308.05242)",
}
"""Key of each study -> title."""
