"""Diagnosis of a tokenizer on images: symptoms in its codebook, latents and reconstructions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vqzoo.analysis.measurements import batches
from vqzoo.analysis.usage import add_counts, codebook_of, count
from vqzoo.metrics.codebook import codebook_stats
from vqzoo.ops.pixels import from_bytes, to_bytes
from vqzoo.quantizers import Quantized, Quantizer
from vqzoo.tokenizer import Tokenizer

Kind = Literal["unused", "apart", "scale", "saturated", "borders", "colour"]

USED = 0.5
"""Minimum share of codevectors that a healthy codebook uses, given `ENOUGH` indices."""
ENOUGH = 4
"""Minimum number of indices per codevector for a judgement of usage."""
APART = 0.5
"""Maximum Wasserstein distance between latents and codevectors, relative to the latents' spread. Healthy codebooks,
which follow the distribution of the latents, stay below a third."""
SCALE = 2.0
"""Maximum ratio of the root mean squares of latents and codevectors, or of codevectors and latents."""
SATURATED = 0.98
"""Maximum share of a single value among the scalars or signs of a channel."""
BORDERS = 1.5
"""Maximum ratio of the error's steps across borders of cells to its steps inside cells."""
COLOUR = 2.0
"""Maximum offset of the mean of a channel, in grey levels."""
_LATENTS = 2**14


@dataclass(frozen=True)
class Symptom:
    """A measured defect of a tokenizer. text: a sentence with the figures."""

    kind: Kind
    text: str


def diagnose(tokenizer: Tokenizer, images: Tensor) -> list[Symptom]:
    """Return the symptoms of a tokenizer in evaluation mode on uint8 images (n, c, h, w).

    Symptoms are unused codevectors, codevectors whose distribution or scale differs from that of the latents, scalars
    or signs that are nearly constant, errors that jump at borders of cells, and a mean colour that is off.
    """
    device = next(tokenizer.parameters()).device
    counts: list[Tensor] | None = None
    leaves: dict[str, list[Tensor]] = {}
    across = inside = 0.0
    shift = torch.zeros(tokenizer.autoencoder.channels, dtype=torch.float64)
    for batch in batches(images):
        originals = batch.to(device)
        with _recorded(tokenizer, leaves), torch.inference_mode():
            out = tokenizer(from_bytes(originals))
        counts = add_counts(counts, count(tokenizer, out.tokens))
        error = to_bytes(out.images).float() - originals.float()
        shift += error.double().mean((2, 3)).sum(0).cpu()
        steps = _steps(error, tokenizer.autoencoder.strides[-1])
        across, inside = across + steps[0], inside + steps[1]
    symptoms = _unused(tokenizer, counts)
    for name, leaf in _leaves(tokenizer).items():
        if leaves[name]:
            latents = torch.cat(leaves[name])[:_LATENTS]
            if leaf.rounds_to:
                symptoms += _values(leaf, latents)
            elif not _in_part(tokenizer, name):
                symptoms += _codevectors(leaf, latents)
    return symptoms + _borders(across, inside) + _colours(shift / len(images))


def wasserstein(first: Tensor, second: Tensor) -> float:
    """Return the Wasserstein-2 distance between Gaussians fitted to two samples (n, d) and (m, d).

    Its square is |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2) (Dowson and Landau, 1982).
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
    return torch.mm(vectors * values.clamp(min=0).sqrt(), vectors.T)


def _leaves(tokenizer: Tokenizer) -> dict[str, Quantizer]:
    """Return the quantizers whose latents can be diagnosed, by name."""
    return {
        name: module
        for name, module in tokenizer.named_modules()
        if isinstance(module, Quantizer) and (module.follows_latents or module.rounds_to)
    }


@contextmanager
def _recorded(tokenizer: Tokenizer, leaves: dict[str, list[Tensor]]) -> Iterator[None]:
    """Record the latents of each of `_leaves`, flattened to (n, d), while the tokenizer runs."""
    modules = _leaves(tokenizer)
    for name, module in modules.items():
        module.quantize = _recording(module.quantize, leaves.setdefault(name, []))  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in modules.values():
            del module.quantize


def _recording(quantize: Callable[[Tensor], Quantized], record: list[Tensor]) -> Callable[[Tensor], Quantized]:
    """Wrap `quantize` to record its latents. A forward hook would miss them, as composites call `quantize` directly."""

    def recording(latents: Tensor) -> Quantized:
        record.append(latents.detach().float().flatten(0, -2))
        return quantize(latents)

    return recording


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
    """Return whether a codebook need not cover the latents, as a residual level or one of several to choose from."""
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
    symptoms = []
    ratio = float(latents.square().mean().sqrt() / codevectors.square().mean().sqrt().clamp(min=1e-12))
    if max(ratio, 1 / max(ratio, 1e-12)) > SCALE:
        symptoms.append(Symptom("scale", f"latents are {ratio:.2g} times as long as codevectors, by root mean squares"))
    distance = wasserstein(latents, codevectors) / max(spread, 1e-12)
    if distance > APART:
        mean = float((latents.mean(0) - codevectors.mean(0)).norm()) / max(spread, 1e-12)
        shares = _moments(codevectors.double())[1].trace().sqrt().item() / max(spread, 1e-12)
        text = (
            f"codevectors are {distance:.2f} of the latents' spread away from them (Wasserstein distance); means are "
            f"{mean:.2f} apart, and the codevectors' spread is {shares:.2f} of the latents'"
        )
        symptoms.append(Symptom("apart", text))
    return symptoms


def _values(leaf: Quantizer, latents: Tensor) -> list[Symptom]:
    """Return a symptom if some scalars or signs are nearly constant."""
    values = leaf.lookup(leaf.assign(latents))
    shares = torch.stack([torch.unique(column, return_counts=True)[1].max() for column in values.T]) / len(values)
    stuck = int((shares > SATURATED).sum())
    if not stuck:
        return []
    text = f"{stuck} of {len(shares)} {leaf.rounds_to} have one value in over {SATURATED:.0%} of the cells"
    return [Symptom("saturated", text)]


def _steps(error: Tensor, stride: int) -> tuple[float, float]:
    """Return the mean absolute steps of the error (across borders of cells, inside cells), times the batch size."""
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
