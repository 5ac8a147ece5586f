"""Diagnose a tokenizer: measured faults, each with a command to try and its measured effect."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from torch import Tensor

from trainers.loop.watch import Watch
from trainers.tools.ablation_lines import PATH, psnr_by_seed, read_lines
from trainers.tools.retrain import LENGTH, RetrainCommand
from trainers.tools.subject import PIXELS, Subject, settings_of
from vqzoo.analysis.diagnosis import diagnose
from vqzoo.analysis.log import columns
from vqzoo.quantizers import QUANTIZERS
from vqzoo.tokenizer import Tokenizer

ABLATION = PATH
_GAP_GREW = 3.0
"""Factor by which a gradient gap may grow over a run above its smallest value."""


@dataclass(frozen=True)
class Finding:
    """A fault of a tokenizer or of its training.

    kind: a `diagnosis.Kind` or a `watch.Kind`. text: what was measured. command: what to try. effect: what the change
    gained in the ablation, or "".
    """

    kind: str
    text: str
    command: str
    effect: str


def examine(subject: Subject) -> list[Finding]:
    """Return all faults of a tokenizer, with commands to try and their effects."""
    faults: list[tuple[str, str]] = [(fault.kind, fault.text) for fault in diagnose(subject.tokenizer, subject.images)]
    faults += _of_log(subject.rows)
    return [_finding(kind, text, subject) for kind, text in faults]


def _finding(kind: str, text: str, subject: Subject) -> Finding:
    remedy = _remedy(kind, subject.settings)
    command = subject.retrain_command(remedy.field, remedy.value)
    known_effect = effect(remedy.tried, remedy.against, str(subject.settings.get("name", "")))
    return Finding(kind, text, command, known_effect)


def warnings_of(tokenizer: Tokenizer, images: Tensor, retrain_command: RetrainCommand) -> Iterator[str]:
    """Yield a sentence for each finding about a tokenizer that was just trained."""
    side = images.shape[2] * images.shape[3]
    subject = Subject(tokenizer.eval(), settings_of(tokenizer), retrain_command, [], images[: max(8, PIXELS // side)])
    for finding in examine(subject):
        yield sentence(finding)


def sentence(finding: Finding) -> str:
    """Return a finding as one line."""
    effect = f" ({finding.effect})" if finding.effect else ""
    return f"{finding.kind}: {finding.text}; try {finding.command}{effect}"


def _of_log(rows: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return (kind, text) of faults that show in a run's log: over-fitting, dying codebooks, a growing gradient gap."""
    findings: list[tuple[str, str]] = []
    watch = Watch()
    for row in rows:
        findings += [(each.kind, each.text) for each in watch.check(row) if each.kind != "collapse"]
    train, held_out = columns(rows) if rows else ({}, {})
    usage = [(step, value) for step, value in zip(train.get("step", ()), train.get("usage", ()), strict=False) if value]
    if usage and usage[-1][1] < 0.5 * max(value for _, value in usage):
        best = max(usage, key=lambda pair: pair[1])
        since = next(step for step, value in reversed(usage) if value >= 0.5 * best[1])
        now, before = (f"{share:.1%}" for share in (usage[-1][1], best[1]))
        text = f"{now} of the codevectors are in use at the end, {before} were; most died after step {since:,}"
        findings.append(("unused", text))
    gaps = [value for value in held_out.get("gradient_gap", ()) if value]
    if len(gaps) > 1 and gaps[-1] > _GAP_GREW * min(gaps):
        findings.append(("gradient", f"the gradient gap grew from {min(gaps):.2g} to {gaps[-1]:.2g}"))
    return findings


_Setting = tuple[str, str]
_BASE: _Setting = "base", "base"


@dataclass(frozen=True)
class _Remedy:
    """A change of the recipe that may help.

    field, value: the change. tried, against: settings of the ablation, (factor, setting), with the change and without.
    """

    field: str
    value: str
    tried: _Setting
    against: _Setting = _BASE


_RESTART = _Remedy("quantizer.revival", "restart", _BASE, ("revival", "none"))
_KMEANS = _Remedy("quantizer.start", "kmeans", _BASE, ("start", "uniform"))
_COMMITMENT = _Remedy("weights.commitment", "1", ("commitment", "1"))
_SLOWER = _Remedy("learning-rate", "0.0025", ("rate of kernels", "0.01"))
_SPREAD = _Remedy("rates.projections", "0.01", ("rate of projections", "1e-2"))
_MIRRORED = _Remedy("flip", "", ("images to learn from", "500, mirrored"), ("images to learn from", "500"))
_LONGER = _Remedy(LENGTH, "", ("images", "twice as many"))


def _remedy(kind: str, settings: dict[str, Any]) -> _Remedy:
    """Return the change to try against a fault, given the settings of the quantizer."""
    if kind == "unused" and settings.get("revival", "none") != "restart" and _takes("revival", settings):
        return _RESTART
    if kind in ("unused", "apart", "scale") and settings.get("start", "") != "kmeans" and _takes("start", settings):
        return _KMEANS
    if kind == "unused" and "codebook_size" in settings:
        half = max(2, settings["codebook_size"] // 2)
        return _Remedy("quantizer.codebook-size", str(half), ("codebook size", "half"))
    if kind in ("apart", "scale", "gradient"):
        return _COMMITMENT
    if kind == "saturated":
        return _SPREAD
    if kind in ("exploding", "not-finite"):
        return _SLOWER
    return _MIRRORED if kind == "over-fitting" else _LONGER


def _takes(setting: str, settings: dict[str, Any]) -> bool:
    return setting in inspect.signature(QUANTIZERS[settings["name"]]).parameters


def effect(tried: _Setting, against: _Setting, quantizer: str) -> str:
    """Return the ablation's mean gain of `tried` over `against`, for this quantizer if it has such runs, else another.

    "" where the ablation has no such runs.
    """
    runs = psnr_by_seed(read_lines(ABLATION))
    gains: dict[str, list[float]] = {}
    for (of, *setting), by_seed in runs.items():
        base = runs.get((of, *against), {})
        differences = [psnr - base[seed] for seed, psnr in by_seed.items() if seed in base]
        if tuple(setting) == tried and differences:
            gains[of] = differences
    if not gains:
        return ""
    of = quantizer if quantizer in gains else next(iter(gains))
    return f"{mean(gains[of]):+.2f} dB for {of} in docs/training_fast.md"
