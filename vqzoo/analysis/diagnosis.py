"""What is wrong with a tokenizer, measured on images: codebook, latents and reconstructions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vqzoo.analysis.measurements import batches
from vqzoo.analysis.usage import codebook_of, count, together
from vqzoo.metrics.codebook import codebook_stats
from vqzoo.ops.pixels import from_bytes, to_bytes
from vqzoo.quantizers import Quantized, Quantizer
from vqzoo.tokenizer import Tokenizer

Kind = Literal["unused", "apart", "scale", "saturated", "borders", "colour"]

USED = 0.5
"""Share of the codevectors that a sound codebook uses on images with many times as many indices."""
ENOUGH = 4
"""Indices for each codevector that are needed before an unused one means anything."""
APART = 0.5
"""Wasserstein distance between latents and codevectors, as a share of the latents' spread. Sound codebooks, which
follow the latents' distribution, stay below a third."""
SCALE = 2.0
"""Ratio of root mean squares, of latents and codevectors, in either direction."""
SATURATED = 0.98
"""Share of one value among the scalars or the signs of a channel."""
BORDERS = 1.5
"""Ratio of the error's steps across the borders of cells to those inside; 1.0 where borders cannot be told."""
COLOUR = 2.0
"""Grey levels by which the mean of a channel is off."""
_LATENTS = 2**14


@dataclass(frozen=True)
class Symptom:
    """One thing that was measured and is not as it should be. text: a sentence with the figures."""

    kind: Kind
    text: str


def diagnose(tokenizer: Tokenizer, images: Tensor) -> list[Symptom]:
    """Return what is wrong with a tokenizer, by what it makes of uint8 images (n, c, h, w).

    Codevectors that nothing uses; codevectors whose distribution is not that of the latents, or whose scale is not;
    scalars and signs that always are the same; errors that jump at the borders of cells; colours that are off on
    average. The tokenizer has to be in evaluation mode.
    """
    device = next(tokenizer.parameters()).device
    counts: list[Tensor] | None = None
    leaves: dict[str, list[Tensor]] = {}
    across = inside = 0.0
    shift = torch.zeros(tokenizer.autoencoder.channels, dtype=torch.float64)
    for batch in batches(images):
        originals = batch.to(device)
        with _watched(tokenizer, leaves), torch.inference_mode():
            out = tokenizer(from_bytes(originals))
        counts = together(counts, count(tokenizer, out.tokens))
        error = to_bytes(out.images).float() - originals.float()
        shift += error.double().mean((2, 3)).sum(0).cpu()
        steps = _steps(error, tokenizer.autoencoder.strides[-1])
        across, inside = across + steps[0], inside + steps[1]
    found = _unused(tokenizer, counts)
    for name, leaf in _leaves(tokenizer).items():
        if leaves[name]:
            latents = torch.cat(leaves[name])[:_LATENTS]
            if leaf.rounds_to:
                found += _values(leaf, latents)
            elif not _in_part(tokenizer, name):
                found += _codevectors(leaf, latents)
    return found + _borders(across, inside) + _colours(shift / len(images))


def wasserstein(first: Tensor, second: Tensor) -> float:
    """Return the Wasserstein-2 distance of two samples (n, d), (m, d) taken as Gaussians.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2) is its square (Dowson and Landau, 1982).
    """
    (mean1, cov1), (mean2, cov2) = map(_moments, (first.double(), second.double()))
    root = _root(cov1)
    mixed = torch.linalg.eigvalsh(root @ cov2 @ root).clamp(min=0).sqrt().sum()
    squared = (mean1 - mean2).square().sum() + cov1.trace() + cov2.trace() - 2 * mixed
    return float(squared.clamp(min=0).sqrt())


def _moments(sample: Tensor) -> tuple[Tensor, Tensor]:
    mean = sample.mean(0)
    centred = sample - mean
    return mean, centred.T @ centred / len(sample)


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def _leaves(tokenizer: Tokenizer) -> dict[str, Quantizer]:
    """Return the quantizers whose latents can tell that something is wrong, by name."""
    return {
        name: module
        for name, module in tokenizer.named_modules()
        if isinstance(module, Quantizer) and (module.follows_latents or module.rounds_to)
    }


@contextmanager
def _watched(tokenizer: Tokenizer, leaves: dict[str, list[Tensor]]) -> Iterator[None]:
    """Collect what each of `_leaves` is given, flattened to (n, d), while the tokenizer runs."""
    watched = _leaves(tokenizer)
    for name, module in watched.items():
        module.quantize = _noting(module.quantize, leaves.setdefault(name, []))  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in watched.values():
            del module.quantize


def _noting(quantize: Callable[[Tensor], Quantized], noted: list[Tensor]) -> Callable[[Tensor], Quantized]:
    """Return `quantize` as before, which notes its latents: composites call it, and not the module itself."""

    def noting(latents: Tensor) -> Quantized:
        noted.append(latents.detach().float().flatten(0, -2))
        return quantize(latents)

    return noting


def _unused(tokenizer: Tokenizer, counts: list[Tensor] | None) -> list[Symptom]:
    if counts is None or max(tokenizer.quantizers[0].index_sizes) > 2**20:
        return []
    stats = codebook_stats(counts, codebook_of(tokenizer))
    size = sum({of: len(column) for of, column in zip(codebook_of(tokenizer), counts, strict=True)}.values())
    indices = int(sum(column.sum() for column in counts))
    if stats.usage is None or stats.usage >= USED or indices < ENOUGH * size:
        return []
    text = f"{size - stats.dead:,} of {size:,} codevectors are in use ({stats.usage:.1%}), by {indices:,} indices"
    return [Symptom("unused", text)]


def _in_part(tokenizer: Tokenizer, name: str) -> bool:
    """Return whether a codebook is one of several that need not cover the latents: a residual level, or a choice."""
    steps = name.split(".")
    above = (tokenizer.get_submodule(".".join(steps[:depth])) for depth in range(1, len(steps)))
    return any(isinstance(each, Quantizer) and (each.level_columns or len(each.cell_bits) > 1) for each in above)


def _codevectors(leaf: Quantizer, latents: Tensor) -> list[Symptom]:
    with torch.no_grad():
        (codebook,) = leaf.codebooks()
        codevectors = codebook(torch.arange(leaf.index_sizes[0], device=latents.device)).float()
    if codevectors.shape[1] != latents.shape[1] or len(latents) < len(codevectors):
        return []
    spread = _moments(latents.double())[1].trace().sqrt().item()
    found = []
    ratio = float(latents.square().mean().sqrt() / codevectors.square().mean().sqrt().clamp(min=1e-12))
    if max(ratio, 1 / max(ratio, 1e-12)) > SCALE:
        found.append(Symptom("scale", f"latents are {ratio:.2g} times as long as codevectors, by root mean squares"))
    distance = wasserstein(latents, codevectors) / max(spread, 1e-12)
    if distance > APART:
        mean = float((latents.mean(0) - codevectors.mean(0)).norm()) / max(spread, 1e-12)
        shares = _moments(codevectors.double())[1].trace().sqrt().item() / max(spread, 1e-12)
        text = (
            f"codevectors are {distance:.2f} of the latents' spread away from them (Wasserstein distance); means are "
            f"{mean:.2f} apart, and the codevectors' spread is {shares:.2f} of the latents'"
        )
        found.append(Symptom("apart", text))
    return found


def _values(leaf: Quantizer, latents: Tensor) -> list[Symptom]:
    """Return the channels of scalars or signs that hardly ever have another value."""
    values = leaf.lookup(leaf.assign(latents))
    shares = torch.stack([torch.unique(column, return_counts=True)[1].max() for column in values.T]) / len(values)
    stuck = int((shares > SATURATED).sum())
    if not stuck:
        return []
    text = f"{stuck} of {len(shares)} {leaf.rounds_to} have one value in over {SATURATED:.0%} of the cells"
    return [Symptom("saturated", text)]


def _steps(error: Tensor, stride: int) -> tuple[float, float]:
    """Return the mean absolute step of the error across borders of cells, and that inside, weighted by the images."""
    columns = (error[..., 1:] - error[..., :-1]).abs()
    rows = (error[..., 1:, :] - error[..., :-1, :]).abs().transpose(2, 3)
    across, inside = [], []
    for steps in (columns, rows):
        at = (torch.arange(steps.shape[-1], device=error.device) + 1) % stride == 0
        if stride > 1 and at.any():
            across.append(steps[..., at].mean())
            inside.append(steps[..., ~at].mean())
    if not across:
        return 0.0, 0.0
    return float(torch.stack(across).mean()) * len(error), float(torch.stack(inside).mean()) * len(error)


def _borders(across: float, inside: float) -> list[Symptom]:
    if inside <= 0 or across / inside <= BORDERS:
        return []
    return [Symptom("borders", f"errors jump {across / inside:.1f} times as far across the borders of cells as inside")]


def _colours(shift: Tensor) -> list[Symptom]:
    if shift.abs().max() <= COLOUR:
        return []
    levels = ", ".join(f"{value:+.1f}" for value in shift.tolist())
    return [Symptom("colour", f"colours are off by {levels} grey levels on average")]
