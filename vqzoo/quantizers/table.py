"""The table of quantizers: a name, and a builder whose keywords are what config.json holds.

The docstrings of the builders are the source of docs/quantizers.md: a first line with the method and its paper, then
"Equation:", "Learns:" (how the codebook does) and "Collapses:" (what makes it waste codevectors).
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from vqzoo.ops.build import build_from
from vqzoo.ops.check import check_choice, check_int
from vqzoo.ops.estimator import Estimator, stopped
from vqzoo.ops.lookup import Metric
from vqzoo.quantizers.adaptive import Adaptive
from vqzoo.quantizers.annealed import Annealed
from vqzoo.quantizers.base import Quantizer
from vqzoo.quantizers.codebook import RULES, Codebook, EMACodebook, SimCodebook, UnitCodebook
from vqzoo.quantizers.gumbel import Gumbel
from vqzoo.quantizers.hvq import HVQ
from vqzoo.quantizers.identity import Identity
from vqzoo.quantizers.index_gradient import IndexGradient
from vqzoo.quantizers.multiscale import MultiScale
from vqzoo.quantizers.nearest import NearestCodevector
from vqzoo.quantizers.product import Product
from vqzoo.quantizers.projected import Projected
from vqzoo.quantizers.residual import Residual, SharedResidual
from vqzoo.quantizers.revival import Revival
from vqzoo.quantizers.scalar import FiniteScalar, check_levels
from vqzoo.quantizers.segmented import Segmented
from vqzoo.quantizers.signs import Signs
from vqzoo.quantizers.smoothed import Smoothed, SubpixelSmoothed
from vqzoo.quantizers.spherical import Spherical, Through
from vqzoo.quantizers.start import Start
from vqzoo.quantizers.stochastic import Stochastic
from vqzoo.quantizers.uniform import Uniform

Rule = Literal["gradient", "ema"]


def none(dim: int) -> Quantizer:
    """Plain autoencoder: latents as they are, 32 bits a number.

    Equation: q = z
    Learns: there is no codebook.
    Collapses: nothing can.
    """
    return Identity(dim)


def vq(
    dim: int,
    codebook_size: int = 1024,
    metric: Metric = "l2",
    estimator: Estimator = "straight-through",
    start: Start = "kmeans",
    revival: Revival = "restart",
    entropy_temperature: float = 0.0,
) -> Quantizer:
    """VQ-VAE: nearest codevector, codebook learnt by gradient (arXiv:1711.00937).

    Equation: q = e_k, k = argmin |z - e_k|^2
    Learns: by the gradient of |e - sg(z)|^2; only the chosen codevectors move.
    Collapses: hardly, as codevectors start from k-means of the first batch and unused ones are restarted at latents;
    with start "uniform" and revival "none", as papers have it, what no latent chooses stays dead. A large weight of the
    reconstruction lets latents run away from the codebook.
    """
    codebook = Codebook(codebook_size, dim, start, revival)
    return NearestCodevector(codebook, metric, estimator, entropy_temperature)


def ema(
    dim: int,
    codebook_size: int = 1024,
    metric: Metric = "l2",
    estimator: Estimator = "straight-through",
    start: Start = "kmeans",
    revival: Revival = "restart",
    decay: float = 0.99,
    entropy_temperature: float = 0.0,
) -> Quantizer:
    """VQ-VAE with moving averages: each codevector follows the latents that chose it (arXiv:1711.00937, appendix A.1).

    Equation: q = e_k, k = argmin |z - e_k|^2; e_k = moving sum of its latents / moving count
    Learns: by moving averages, without a gradient.
    Collapses: hardly, as codevectors start from k-means of the first batch and unused ones are restarted at latents;
    with revival "none" what no latent chooses stays where it is.
    """
    codebook = EMACodebook(codebook_size, dim, start, revival, decay=decay)
    return NearestCodevector(codebook, metric, estimator, entropy_temperature)


def cvq(
    dim: int,
    codebook_size: int = 1024,
    metric: Metric = "cosine",
    estimator: Estimator = "straight-through",
    anchors: Literal["closest", "random", "probrandom"] = "closest",
) -> Quantizer:
    """CVQ-VAE: online clustering, hardly used codevectors are moved to latents of the batch (arXiv:2307.15139).

    Equation: q = e_k, k = argmax cos(z, e_k); e_k = (1 - a_k) e_k + a_k anchor_k, a_k = exp(-1000 K p_k - 0.001)
    Learns: by the gradient of |e - sg(z)|^2, and by anchors where the moving share p_k of its latents is small.
    Collapses: hardly; the cosine leaves the length of latents free, so losses can grow large.
    """
    check_choice("anchors", anchors, ("closest", "random", "probrandom"))
    return NearestCodevector(Codebook(codebook_size, dim, revival=anchors), metric, estimator)


def sq(
    dim: int,
    codebook_size: int = 1024,
    kind: Literal["gaussian", "vmf"] = "gaussian",
    variance: float = 20.0,
    variance_floor: float = 0.0,
    temperature: float = 1.0,
    last_temperature: float = 0.3,
    anneal_steps: int = 100_000,
) -> Quantizer:
    """SQ-VAE: codevectors drawn at random, with a learnt variance that shrinks by itself (arXiv:2205.07547).

    Equation: q = sum_k softmax((-|z - e_k|^2 / 2v + noise) / t)_k e_k; in evaluation e_k, k = argmin |z - e_k|^2
    Learns: by the decoder's gradient and two divergences, all codevectors at every step.
    Collapses: where the divergences weigh too much, the variance stays large and every latent draws alike.
    """
    falling = Annealed(temperature, last_temperature, anneal_steps)
    return Stochastic(dim, codebook_size, kind, variance, variance_floor, falling)


def pq(
    dim: int,
    codebook_size: int = 256,
    segments: int = 8,
    budget: Literal["each", "total"] = "each",
    rule: Rule = "ema",
    metric: Metric = "l2",
    estimator: Estimator = "straight-through",
    start: Start = "latents",
    revival: Revival = "none",
) -> Quantizer:
    """Product quantization: segments of a latent, each with a codebook of its own (Jegou et al., 2011).

    Equation: q = (e^1_k1, ..., e^m_km), k_i = argmin |z_i - e^i_k|^2
    Learns: by `rule`, each codebook from its own segment. With `budget` "total" the codebook_size codevectors are
    shared out, codebook_size / segments each.
    Collapses: as `rule` does, per segment.
    """
    _check_segments(dim, segments)
    if check_choice("budget", budget, ("each", "total")) == "total":
        if check_int("codebook_size", codebook_size, segments, 2**20) % segments:
            raise ValueError(
                f"codebook_size={codebook_size}: {segments} segments cannot share it out evenly; "
                f"expected a multiple of {segments}"
            )
        codebook_size //= segments
    parts = [
        NearestCodevector(_codebook(rule, codebook_size, dim // segments, start, revival, number), metric, estimator)
        for number in range(segments)
    ]
    return Product(parts)


def rvq(
    dim: int,
    codebook_size: int = 256,
    levels: int = 8,
    rule: Rule = "ema",
    metric: Metric = "l2",
    estimator: Estimator = "straight-through",
    start: Start = "latents",
    revival: Revival = "none",
) -> Quantizer:
    """Residual quantization: each level quantizes what is left over, one codebook a level (arXiv:2107.03312).

    Equation: q = e^1_k1 + ... + e^n_kn, k_l = argmin |z - e^1_k1 - ... - e^(l-1)_k(l-1) - e^l_k|^2
    Learns: by `rule`, each codebook from its own residuals.
    Collapses: the first levels may use few codevectors, the later ones make up for it.
    """
    check_int("levels", levels, 1, 256)
    codebooks = [_codebook(rule, codebook_size, dim, start, revival, level) for level in range(levels)]
    return Residual([_part(codebook, metric) for codebook in codebooks], estimator)


def rq(
    dim: int,
    codebook_size: int = 256,
    levels: int = 8,
    rule: Rule = "ema",
    metric: Metric = "l2",
    estimator: Estimator = "straight-through",
    start: Start = "latents",
    revival: Revival = "restart",
) -> Quantizer:
    """RQ-VAE: residual quantization with one codebook for all levels (arXiv:2203.01941).

    Equation: q = e_k1 + ... + e_kn, k_l = argmin |z - e_k1 - ... - e_k(l-1) - e_k|^2
    Learns: by `rule`, once a step, from the residuals of all levels together.
    Collapses: codevectors of the early levels are rare among all choices; restarts bring dead ones back.
    """
    codebook = _codebook(rule, codebook_size, dim, start, revival, 0)
    return SharedResidual(_part(codebook, metric), levels, estimator)


def looc(
    dim: int,
    codebook_size: int = 256,
    segments: int = 32,
    factor: int = 1,
    grouping: Literal["channels", "subpixels"] = "channels",
    rule: Rule = "gradient",
    metric: Metric = "cosine",
    estimator: Estimator = "straight-through",
    start: Start = "uniform",
    revival: Revival = "closest",
) -> Quantizer:
    """LooC: one small codebook shared by all segments of a latent, on an interpolated grid (arXiv:2601.00222).

    Equation: q = average over factor^2 cells of (e_k1, ..., e_km), k_i = argmax cos(z_i, e_k)
    Learns: by gradient and CVQ's anchors, from all segments together.
    Collapses: hardly: every segment is a sample for the one codebook.
    """
    _check_segments(dim, segments)
    codebook = _part(_codebook(rule, codebook_size, dim // segments, start, revival, 0), metric)
    if check_choice("grouping", grouping, ("channels", "subpixels")) == "channels":
        return Smoothed(Segmented(codebook, segments), factor, estimator)
    check_int("factor", factor, 1, 4)
    return SubpixelSmoothed(Segmented(codebook, segments * factor**2), factor, estimator)


def adaptive(
    dim: int,
    capacity: int = 65536,
    codebooks: int = 8,
    heads: int = 2,
    last_temperature: float = 1.0,
    anneal_steps: int = 1000,
    estimator: Estimator = "straight-through",
    revival: Revival = "none",
    rule: Rule = "ema",
) -> Quantizer:
    """Adaptive dynamic quantization: codebooks of equal capacity K x d, one chosen for each latent (arXiv:2407.04939).

    Equation: q = U_i e^i_k + b_i, i = attention's choice for z, k = argmin |D_i z + c_i - e^i_k|^2
    Learns: each codebook by moving averages, or by gradient, from all latents, the selector by Gumbel-softmax.
    Collapses: the selector may settle on one codebook; see the selection frequencies.
    """
    check_int("codebooks", codebooks, 1, 16)
    check_int("capacity", capacity, 1, 2**20)
    smallest = 2 ** (codebooks - 1)
    if capacity % smallest:
        raise ValueError(f"capacity={capacity}: expected a multiple of {smallest}, the largest code_dim of {codebooks}")
    shapes = [(capacity // code_dim, code_dim) for code_dim in (2**power for power in reversed(range(codebooks)))]
    parts = [
        Projected(NearestCodevector(_codebook(rule, size, code_dim, "latents", revival, number), "l2", estimator), dim)
        for number, (size, code_dim) in enumerate(shapes)
    ]
    return Adaptive(parts, heads, Annealed(float(codebooks), last_temperature, anneal_steps))


def factorized(
    dim: int,
    codebook_size: int = 1024,
    code_dim: int = 32,
    through: Through = "normalised",
    estimator: Estimator = "straight-through",
    start: Start = "normal",
    revival: Revival = "none",
    entropy_temperature: float = 0.0,
) -> Quantizer:
    """ViT-VQGAN's codes: a projection to few dimensions, latents and codevectors of length 1 (arXiv:2110.04627).

    Equation: q = U e_k + b, k = argmax u.e_k, u = (D z + c) / |D z + c|, |e_k| = 1
    Learns: by the gradient of |e - sg(u)|^2 through the division by its length.
    Collapses: less than in many dimensions: on a small sphere no codevector is far away.
    """
    codebook = UnitCodebook(codebook_size, code_dim, start, revival)
    inner = NearestCodevector(codebook, "l2", estimator, entropy_temperature)
    return _projected(Spherical(inner, through), dim)


def gumbel(
    dim: int,
    codebook_size: int = 1024,
    temperature: float = 1.0,
    last_temperature: float = 1 / 16,
    anneal_steps: int = 10_000,
    hard: bool = False,
) -> Quantizer:
    """Gumbel-softmax: a linear layer chooses among codevectors, with noise in training (arXiv:2102.12092).

    Equation: q = sum_k softmax((W z + b + noise) / t)_k e_k; in evaluation e_k, k = argmax (W z + b)_k
    Learns: by the decoder's gradient, all codevectors at every step.
    Collapses: too small a weight of the divergence lets few logits win early; mixtures in training hide it.
    """
    return Gumbel(dim, codebook_size, Annealed(temperature, last_temperature, anneal_steps), hard)


def fsq(dim: int, levels: Sequence[int] = (8, 5, 5, 5)) -> Quantizer:
    """Finite scalar quantization: a few channels, each rounded to a few levels (arXiv:2309.15505).

    Equation: q = U round(f(D z + c)) + b, f_i = tanh(. + s_i) h_i - o_i, h_i about (L_i - 1) / 2
    Learns: there is no codebook; the projections learn with the decoder.
    Collapses: nothing; a channel of 2 levels starts with all latents on one of them.
    """
    return _projected(FiniteScalar(check_levels(levels)), dim)


def uniform(dim: int, levels: int | Sequence[int] = 16) -> Quantizer:
    """Uniform scalar quantization: every channel rounded to evenly spaced values of its own (Bennett, 1948).

    Equation: q_i = low_i + k_i step_i, k_i = round((z_i - low_i) / step_i) cut to 0 .. L_i - 1
    Learns: there is no codebook; ranges are fitted once, as trainers/baselines/pca.py does, and stay.
    `levels` is one number for all channels or one for each; a channel of 1 level costs nothing.
    Collapses: nothing; latents outside the range all take the outermost value.
    """
    sizes = [levels] * dim if isinstance(levels, (int, float, str)) else levels
    if len(sizes) != dim:
        raise ValueError(f"levels={levels!r}: {len(sizes)} of them; expected a whole number, or one for each of {dim}")
    return Uniform(sizes)


def lfq(dim: int, bits: int = 10, temperature: float = 0.01) -> Quantizer:
    """Lookup-free quantization: one bit a channel, its sign (MAGVIT-v2, arXiv:2310.05737).

    Equation: q = U sign(D z + c) + b
    Learns: there is no codebook; entropies keep choices sure and codes evenly used.
    Collapses: without the entropies channels may settle on one sign.
    """
    return _projected(Signs(bits, 1.0, temperature), dim)


def bsq(dim: int, bits: int = 10, temperature: float = 0.01) -> Quantizer:
    """Binary spherical quantization: the signs of a vector of length 1 (arXiv:2406.07548).

    Equation: q = U sign(u) / sqrt(bits) + b, u = (D z + c) / |D z + c|
    Learns: there is no codebook; entropies keep choices sure and codes evenly used.
    Collapses: without the entropies channels may settle on one sign; the error is bounded by the sphere.
    """
    check_int("bits", bits, 1, 62)
    return _projected(Spherical(Signs(bits, bits**-0.5, temperature)), dim)


def simvq(
    dim: int,
    codebook_size: int = 1024,
    bias: bool = False,
    metric: Metric = "l2",
    estimator: Estimator = "straight-through",
    entropy_temperature: float = 0.0,
) -> Quantizer:
    """SimVQ: a frozen random codebook seen through one learnt linear map (arXiv:2411.02038).

    Equation: q = W c_k, k = argmin |z - W c_k|^2, c_k fixed
    Learns: W by the gradient of |W c - sg(z)|^2, which moves every codevector.
    Collapses: hardly while W keeps its rank.
    """
    return NearestCodevector(SimCodebook(codebook_size, dim, bias), metric, estimator, entropy_temperature)


def ibq(dim: int, codebook_size: int = 1024, entropy_temperature: float = 0.01) -> Quantizer:
    """Index backpropagation: the choice has the gradient of its softmax (IBQ, arXiv:2412.02692).

    Equation: q = (onehot(k) + p - sg(p)) E, p = softmax(z E'), k = argmax z.e_k
    Learns: by the decoder's gradient through p, all codevectors at every step.
    Collapses: hardly; the soft choice must stay soft enough to pass a gradient.
    """
    return IndexGradient(dim, codebook_size, entropy_temperature)


def multiscale(
    dim: int,
    codebook_size: int = 1024,
    scales: Sequence[int] = (1, 2, 4, 8),
    metric: Metric = "l2",
    start: Start = "uniform",
    revival: Revival = "none",
) -> Quantizer:
    """Multi-scale residual quantization: a pyramid of grids, coarse to fine, that add up (VAR, arXiv:2404.02905).

    Equation: q = sum_i phi(up(e_ki)), k_i = argmin |down(z - sum of the levels before) - e_k|^2
    Learns: by the gradient of |sum so far - sg(z)|^2, one codebook for all levels.
    Collapses: the coarse levels see few latents and may use few codevectors.
    """
    return MultiScale(NearestCodevector(Codebook(codebook_size, dim, start, revival), metric), scales)


def hvq(
    dim: int,
    codebook_size: int = 1024,
    levels: int = 2,
    stride: int = 2,
    width: int = 128,
    rule: Rule = "ema",
    metric: Metric = "l2",
    estimator: Estimator = "straight-through",
    start: Start = "latents",
    revival: Revival = "none",
) -> Quantizer:
    """Hierarchical quantized autoencoder: the uppermost layer is stored, those below are guessed (arXiv:2002.08111).

    Equation: q = e_k, k = argmin |D(c_j) - e_k|^2, j = argmin |E(z) - c_j|^2 on a grid smaller by `stride`
    Learns: by `rule`, each layer's codebook from its own latents; encoder E and decoder D of a layer by the gradient of
    |D(c_j) - sg(z)|^2. The row HVQ of LooC's tables has 1024 x 128; its levels and grid are not published.
    Collapses: as `rule` does; few codevectors of the uppermost layer in use make all layers below repeat themselves.
    """
    check_int("levels", levels, 2, 8)
    layers = [
        NearestCodevector(_codebook(rule, codebook_size, dim, start, revival, level), metric, estimator)
        for level in range(levels)
    ]
    upper: Quantizer = layers.pop()
    while layers:
        upper = HVQ(layers.pop(), upper, stride, width)
    return upper


def _codebook(rule: str, size: int, dim: int, start: Start, revival: Revival, seed: int) -> Codebook:
    return RULES[check_choice("rule", rule, RULES)](size, dim, start, revival, seed)


def _part(codebook: Codebook, metric: Metric) -> NearestCodevector:
    """Of a composite that passes the gradient itself, so that nothing is spent on it here."""
    part = NearestCodevector(codebook, metric)
    part.estimate = stopped
    return part


def _projected(quantizer: Quantizer, dim: int) -> Quantizer:
    """`quantizer` itself where latents already have its dimension."""
    return quantizer if quantizer.dim == dim else Projected(quantizer, dim)


def _check_segments(dim: int, segments: int) -> None:
    check_int("dim", dim, 1, 4096)
    check_int("segments", segments, 1, 4096)
    if dim % segments:
        fits = [m for m in range(1, dim + 1) if dim % m == 0]
        raise ValueError(f"segments={segments}: dim={dim} cannot be cut into that many; possible: {fits}")


QUANTIZERS: dict[str, Callable[..., Quantizer]] = {
    "none": none,
    "vq": vq,
    "ema": ema,
    "cvq": cvq,
    "sq": sq,
    "pq": pq,
    "rvq": rvq,
    "rq": rq,
    "looc": looc,
    "adaptive": adaptive,
    "factorized": factorized,
    "gumbel": gumbel,
    "fsq": fsq,
    "uniform": uniform,
    "lfq": lfq,
    "bsq": bsq,
    "simvq": simvq,
    "ibq": ibq,
    "multiscale": multiscale,
    "hvq": hvq,
}


def build(name: str, **settings: Any) -> Quantizer:
    """Build the quantizer called `name` in the table; `dim` is the length of a latent, the rest has defaults.

    Raises ValueError for an unknown name or setting, or a value out of range, saying which are known or right.
    """
    if "dim" in settings:
        check_int("dim", settings["dim"], 1, 4096)
    return build_from(QUANTIZERS, "quantizer", name, settings)
