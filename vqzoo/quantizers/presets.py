"""What the papers used: settings to build with, and the weights of the losses that belong to them.

"paper" is what a paper's text says, "paper_code" what its public code does where that differs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vqzoo.ops.check import check_choice


@dataclass(frozen=True)
class Preset:
    """settings: what `build` takes, dim included; weights: loss name -> weight in the sum that is minimised.

    A paper that gives a quantizer alone says nothing of the autoencoder around it, and neither does this.
    """

    settings: Mapping[str, Any]
    weights: Mapping[str, float]


_USUAL = {"codebook": 1.0, "commitment": 0.25}
_PLAIN = {"start": "uniform", "revival": "none"}
"""A codebook as papers have it, where `build` starts from k-means and restarts what is unused."""
_SWAPPED = {"codebook": 0.25, "commitment": 1.0}
_COMMITMENT = {"commitment": 0.25}
_ENTROPIES = {"sample_entropy": 0.1, "entropy_deficit": 0.1}


def _settings(name: str, dim: int, **settings: Any) -> dict[str, Any]:
    return {"name": name, "dim": dim, **settings}


PRESETS: dict[str, dict[str, Preset]] = {
    "vqvae": {"paper": Preset(_settings("vq", 64, codebook_size=512, **_PLAIN), _USUAL)},
    "vqvae-ema": {
        "paper": Preset(_settings("ema", 64, codebook_size=512, start="normal", revival="none"), _COMMITMENT)
    },
    # The public code puts beta on the codebook's term; all published VQGAN weights were trained so.
    "vqgan": {
        "paper": Preset(_settings("vq", 256, codebook_size=1024, **_PLAIN), _USUAL),
        "paper_code": Preset(_settings("vq", 256, codebook_size=1024, **_PLAIN), _SWAPPED),
    },
    # Soft choices as in the discrete VAE; the public code of VQGAN makes them hard in training, too.
    "vqgan-gumbel": {
        "paper": Preset(_settings("gumbel", 256, codebook_size=1024), {"kl": 5e-4}),
        "paper_code": Preset(_settings("gumbel", 256, codebook_size=1024, hard=True), {"kl": 5e-4}),
    },
    # The public code's gradient skips the division by the length.
    "vit-vqgan": {
        "paper": Preset(_settings("factorized", 768, codebook_size=8192, code_dim=32), _USUAL),
        "paper_code": Preset(_settings("factorized", 768, codebook_size=8192, code_dim=32, through="raw"), _USUAL),
    },
    "llamagen": {
        "paper": Preset(_settings("factorized", 256, codebook_size=16384, code_dim=8, start="uniform"), _USUAL)
    },
    "cvq": {"paper": Preset(_settings("cvq", 64, codebook_size=512), _USUAL)},
    # The public code adds 1 to the learnt variance.
    "sqvae": {
        "paper": Preset(_settings("sq", 64, codebook_size=512), {"kl_discrete": 1.0, "kl_continuous": 1.0}),
        "paper_code": Preset(
            _settings("sq", 64, codebook_size=512, variance_floor=1.0), {"kl_discrete": 1.0, "kl_continuous": 1.0}
        ),
    },
    # LooC's baseline: the public code shares 256 codevectors out among 32 codebooks, 8 each.
    "pq": {
        "paper": Preset(_settings("pq", 128, codebook_size=256, segments=32, rule="gradient", start="uniform"), _USUAL),
        "paper_code": Preset(
            _settings("pq", 128, codebook_size=256, segments=32, budget="total", rule="gradient", start="uniform"),
            _USUAL,
        ),
    },
    "encodec": {
        "paper": Preset(
            _settings("rvq", 128, codebook_size=1024, levels=8, start="kmeans", revival="restart"), {"commitment": 1.0}
        )
    },
    "rqvae": {"paper": Preset(_settings("rq", 256, codebook_size=16384, levels=4), _COMMITMENT)},
    # The public code groups the sub-pixels of one channel where the paper's figure groups channels of one cell.
    "looc": {
        "paper": Preset(_settings("looc", 128, codebook_size=256, segments=32, factor=2), _USUAL),
        "paper_code": Preset(
            _settings("looc", 128, codebook_size=256, segments=32, factor=2, grouping="subpixels"), _USUAL
        ),
    },
    "movq": {
        "paper": Preset(
            _settings(
                "looc", 256, codebook_size=1024, segments=4, rule="ema", metric="l2", start="latents", revival="none"
            ),
            _COMMITMENT,
        )
    },
    "adaptive": {"paper": Preset(_settings("adaptive", 128), _COMMITMENT)},
    "fsq": {"paper": Preset(_settings("fsq", 256, levels=(8, 5, 5, 5)), {})},
    "magvit2": {"paper": Preset(_settings("lfq", 18, bits=18), _COMMITMENT | _ENTROPIES)},
    # The public configurations leave the commitment out.
    "bsq": {
        "paper": Preset(_settings("bsq", 768, bits=18), _COMMITMENT | _ENTROPIES),
        "paper_code": Preset(_settings("bsq", 768, bits=18), {"commitment": 0.0} | _ENTROPIES),
    },
    # The public code's linear map has a bias.
    "simvq": {
        "paper": Preset(_settings("simvq", 128, codebook_size=1024), _USUAL),
        "paper_code": Preset(_settings("simvq", 128, codebook_size=1024, bias=True), _USUAL),
    },
    "rotation": {
        "paper": Preset(
            _settings("ema", 64, codebook_size=1024, estimator="rotation", start="latents", revival="none", decay=0.8),
            _COMMITMENT,
        )
    },
    # The paper puts beta on the commitment, the public code on the codebook's term.
    "ibq": {
        "paper": Preset(
            _settings("ibq", 256, codebook_size=16384),
            {"index": 1.0, "codebook": 1.0, "commitment": 0.25, "sample_entropy": 0.05, "entropy_deficit": 0.05},
        ),
        "paper_code": Preset(
            _settings("ibq", 256, codebook_size=16384),
            {"index": 1.0, "codebook": 0.25, "commitment": 1.0, "sample_entropy": 0.05, "entropy_deficit": 0.05},
        ),
    },
    "var": {
        "paper": Preset(
            _settings("multiscale", 32, codebook_size=4096, scales=(1, 2, 3, 4, 5, 6, 8, 10, 13, 16)), _USUAL
        )
    },
}


def preset(name: str, source: str = "paper") -> Preset:
    """Return the preset of a published model; ValueError with the nearest names for an unknown one.

    `source` is "paper" or, where the public code differs, "paper_code".
    """
    sources = PRESETS[check_choice("preset", name, PRESETS)]
    return sources[check_choice(f"source of preset {name!r}", source, sources)]
