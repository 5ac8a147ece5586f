"""The pages of docs/studies/, made from results.csv, curves.jsonl and claims.json: nothing in them is typed twice."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from docs.studies.tables import HEADS, SHOWN, cell
from vqzoo.metrics.table import METRICS, names
from vqzoo.ops.text import table_of
from vqzoo.studies import STUDIES
from vqzoo.studies.claims import VERDICTS, Claim
from vqzoo.studies.compare import Compared, compare
from vqzoo.studies.curves import Curves
from vqzoo.studies.rates import raw_bits
from vqzoo.studies.reported import OFFERED, Row, tables
from vqzoo.studies.results import TRAINED, Result

Codecs = Sequence[Mapping[str, Any]]
Reason = Callable[[Any], str | None]
"""Of a setting, why it has no recipe; None where it has one."""

_SOURCE = "From `vqzoo/studies/data/results.csv`; `python -m docs.studies.make` makes this page."
_ABOUT = {
    "vqgan": (
        "The study has no tables: its claims, A1 to A6 of the [README](README.md), are read off pictures. What its "
        "code does bears on them. The encoding that it calls two-dimensional varies along a row alone; with it come a "
        "dropout of one half on features, which is on while pictures are made, too, and a decoder that lacks blocks. "
        "What it logs as the quantizer's loss is the generator's whole loss. The recipes here differ in one thing "
        "each; `flowers-vqgan-1024x256-study-code` does as the code did.",
        "At budget short a quantizer is put into the zoo's plain autoencoder `flowers-none-256`, which has seen all "
        "training images, and both learn from crops of 128 x 128, without an adversary. LPIPS is a part of the loss. "
        "Rows of another depth or dimension find only a part of their weights there.",
        "`python -m trainers.studies run vqgan`",
    )
}
"""Study -> paragraphs on what its numbers mean."""


def study_page(study: str, lines: Sequence[Result], curves: Curves, codecs: Codecs, reason: Reason) -> str:
    """Markdown: each table of the paper beside ours, the same at matched rates, and what the study asks beside that."""
    own = [line for line in lines if line.setting.source == study]
    parts = [f"# {STUDIES[study]}", _SOURCE, *_ABOUT.get(study, ()), *_trained_rows(study, own)]
    for name, rows in sorted(tables()[study].items(), key=lambda item: (not item[0].isdecimal(), item[0].zfill(3))):
        parts += _paper_table(study, name, rows, own, reason)
    parts += _by_rate(study, own, codecs)
    if study == "adaptive":
        parts += _over_training(own, curves)
    if study == "looc":
        parts += _sharing(own, curves)
    return "\n\n".join(parts) + "\n"


def verdicts_table(claims: Sequence[Claim]) -> str:
    """Markdown: a line a study, and under each verdict the claims that have it."""
    rows = []
    for study in dict.fromkeys(claim.study for claim in claims):
        of = {verdict: [c.id for c in claims if (c.study, c.verdict) == (study, verdict)] for verdict in VERDICTS}
        rows.append([f"[{STUDIES[study]}]({study}.md)", *(", ".join(ids) or "–" for ids in of.values())])
    return table_of(["study", *VERDICTS], rows, texts=5)


def claims_table(claims: Iterable[Claim]) -> str:
    """Markdown: a line a claim, verdict first, and the first sentence of why."""
    rows = []
    for claim in claims:
        why = claim.because.split(". ")[0].rstrip(".")
        rows.append([claim.id, f"[{claim.claim}]({claim.study}.md)", f"**{claim.verdict}**", f"{why}."])
    return table_of(["", "claim", "verdict", "why"], rows, texts=4)


def protocols_table(lines: Sequence[Result]) -> str:
    """Markdown: the same runs by both protocols, as means over a data set's runs of a budget: what measuring makes."""
    runs: dict[tuple, dict[str, Result]] = {}
    for line in lines:
        if line.budget in TRAINED:
            key = (line.setting.dataset, line.recipe, line.budget, line.numbers.get("seed"))
            runs.setdefault(key, {})[line.protocol] = line
    head = ["data set", "runs", "metric", "lossless", "cvq-jpeg", "difference, mean", "least", "greatest"]
    table_rows = []
    for dataset, budget in sorted({(key[0], key[2]) for key in runs}, key=lambda of: (of[0], TRAINED.index(of[1]))):
        both = [pair for key, pair in runs.items() if (key[0], key[2]) == (dataset, budget) and len(pair) > 1]
        for metric in names("image"):
            pairs = [(p["lossless"].numbers.get(metric), p["cvq-jpeg"].numbers.get(metric)) for p in both]
            known = [(a, b) for a, b in pairs if a is not None and b is not None]
            if known:
                gaps = [b - a for a, b in known]
                means = [f"{fmean(side):.4g}" for side in zip(*known, strict=True)]
                gap = [f"{value:+.3g}" for value in (fmean(gaps), min(gaps), max(gaps))]
                table_rows.append([f"{dataset}, {budget}", str(len(known)), METRICS[metric].title, *means, *gap])
    return table_of(head, table_rows)


def _trained_rows(study: str, own: Sequence[Result]) -> list[str]:
    counts = {budget: len({line.recipe for line in own if line.budget == budget}) for budget in TRAINED}
    sentence = (
        f"Recipes trained: {counts['short']} at budget short, {counts['long']} at long, {counts['full']} in full."
    )
    picture = [f"![The study's figures, drawn from our runs]({study}.svg)"] if any(counts.values()) else []
    return [sentence, *picture]


def _paper_table(study: str, name: str, rows: Sequence[Row], own: Sequence[Result], reason: Reason) -> list[str]:
    heading = f"Figure {name.removeprefix('fig')}" if name.startswith("fig") else f"Table {name}"
    parts = [f"## {heading}", f"`python -m trainers.studies run {study}.table{name}`"]
    trained = [line for line in own if line.budget in TRAINED]
    for dataset in dict.fromkeys(row.setting.dataset for row in rows):
        here = [row for row in rows if row.setting.dataset == dataset]
        reasons = {row.setting: reason(row.setting) for row in here}
        without = [row for row in here if reasons[row.setting] and row.setting.method != "best-fixed"]
        if all(reasons.values()):
            parts.append(f"**{dataset}**, {len(here)} rows: no recipe, as {reasons[here[0].setting]}.")
            continue
        shown = {
            metric: [compare(row, metric, trained) for row in here if metric in row.reported] for metric in OFFERED
        }
        remaining = [metric for metric, rows_of in shown.items() if any(each.values for each in rows_of)]
        if not remaining:
            parts.append(f"**{dataset}**, {len(here)} rows: not trained yet.")
            continue
        head = ["setting", "true bits", "metric", "reported", *(f"ours, {budget}" for budget in TRAINED), "difference"]
        table_rows = [
            _line(each, metric) for row in here for metric in remaining for each in shown[metric] if each.row is row
        ]
        missing = [METRICS[metric].title for metric in shown if shown[metric] and metric not in remaining]
        sentence = f"**{dataset}**" + (f"; not comparable here: {', '.join(missing)}" if missing else "")
        parts += [sentence, table_of(head, table_rows)]
        parts += [f"{row.setting.label}: no recipe, as {reasons[row.setting]}." for row in without]
    return parts


def _line(each: Compared, metric: str) -> list[str]:
    values = [_number(value, metric) for value in (each.reported, *(each.values.get(budget) for budget in TRAINED))]
    bits = "not known" if each.bits is None else f"{each.bits:,.0f}"
    gap = "–" if each.difference is None else f"{each.difference:+.4g}"
    return [each.row.setting.label, bits, METRICS[metric].title, *values, gap]


def _by_rate(study: str, own: Sequence[Result], codecs: Codecs) -> list[str]:
    """All runs of a data set by their true bits, codecs among them, by protocol lossless."""
    parts: list[str] = []
    for dataset in dict.fromkeys(line.setting.dataset for line in own):
        runs: dict[tuple, list[Result]] = {}
        for line in own:
            if line.setting.dataset == dataset and line.budget in TRAINED and line.protocol == "lossless":
                runs.setdefault((line.recipe, line.budget), []).append(line)
        if not runs:
            continue
        raw = raw_bits(dataset)
        head = ["what", "true bits", "of raw", *HEADS, "squared errors", "budget"]
        table_rows = []
        for (_, budget), of in runs.items():
            seeds = len({line.numbers.get("seed") for line in of})
            cells = [_mean(of, name) for name in _RATE_CELLS]
            table_rows.append((_bits(of), [of[0].setting.label, *cells, f"{budget}, {_seeds(seeds)}"]))
        for row in codecs:
            if row["dataset"] == dataset and row["metrics"]["met"] == 1:
                numbers = row["metrics"]
                cells = [cell(numbers, name) for name in names("image", table="models")]
                table_rows.append((numbers["bits_per_image"], [f"*{row['codec']}*", *cells, "", "", "no training"]))
        table_rows.sort(key=lambda pair: pair[0])
        of_raw = [
            [what, f"{bits:,.0f}", "–" if raw is None else f"{bits / raw:.1%}", *cells]
            for bits, (what, *cells) in table_rows
        ]
        parts += [
            f"## At matched rates: {dataset}",
            "By protocol lossless, every index that decoding needs; squared errors: see the [README](README.md).",
            table_of(head, of_raw),
        ]
    return parts


_RATE_CELLS = (*SHOWN, "reconstruction_loss")
_OVER_TRAINING = ("gap", "quantization", "loss", "usage")


def _over_training(own: Sequence[Result], curves: Curves) -> list[str]:
    """How single codebooks come along on each data set, and which codebook an adaptive run chooses when."""
    sizes: dict[str, dict[str, int | None]] = {}
    for line in own:
        if line.setting.method == "vq-ema-fixed":
            sizes.setdefault(line.setting.dataset, {})[line.recipe] = line.setting.codebook_size
    return [part for dataset in sorted(sizes) for part in _gaps(dataset, sizes[dataset], curves)] + _choices(curves)


def _gaps(dataset: str, sizes: Mapping[str, int | None], curves: Curves) -> list[str]:
    """Gradient gap and quantization loss of single codebooks; sizes: recipe -> number of codevectors."""
    runs: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for (recipe, budget, _), remaining in sorted(curves.items(), key=lambda item: sizes.get(item[0][0]) or 0):
        if recipe in sizes:
            runs.setdefault((recipe, budget), []).append(remaining["curves"])
    head = ["codebook", "budget", "seeds", "update", "gradient gap", "quantization loss", "held-out error", "usage"]
    rows = []
    for (recipe, budget), of in runs.items():
        steps = of[0]["step"]
        for position in sorted({len(steps) // 2, len(steps) - 1}):
            values = [[curve[name][position] for curve in of if name in curve] for name in _OVER_TRAINING]
            known = [[value for value in of_seeds if value is not None] for of_seeds in values]
            sentence = [f"{fmean(each):.3g}" if each else "–" for each in known]
            rows.append([recipe.removeprefix(f"{dataset}-"), budget, str(len(of)), f"{steps[position]:,}", *sentence])
    if not rows:
        return []
    return [
        f"## Gradient gap and quantization loss: {dataset}",
        "Half way and at the end of a run, means over seeds.",
        table_of(head, rows),
    ]


def _choices(curves: Curves) -> list[str]:
    """Which of its codebooks an adaptive run chooses, over its training."""
    parts = []
    for (recipe, budget, seed), remaining in sorted(curves.items()):
        curve = remaining["curves"]
        chosen = [name for name in curve if name.startswith("selection/")]
        if recipe.endswith("-adaptive-65536") and chosen:
            head = ["codebook", *(f"{step:,}" for step in curve["step"])]
            rows = [
                [name.removeprefix("selection/"), *("–" if share is None else f"{share:.1%}" for share in curve[name])]
                for name in chosen
            ]
            title = f"## Which codebook is chosen, by updates: {recipe}, {budget}, seed {seed}"
            parts += [title, table_of(head, rows)]
    return parts


def _sharing(own: Sequence[Result], curves: Curves) -> list[str]:
    """How many segments share a codevector, as the paper's supplement draws it."""
    head = ["recipe", "budget", "segments", "in 1 or more", "in half", "in 80 %", "in all", "least used segment"]
    rows = []
    known = {line.recipe for line in own}
    for (recipe, budget, _), remaining in sorted(curves.items()):
        sharing, segments = remaining["use"].get("sharing"), remaining["use"].get("segments")
        if recipe in known and sharing and segments:
            number = len(sharing)
            shares = [sharing[position - 1] for position in (1, -(-number // 2), -(-4 * number // 5), number)]
            rows.append([recipe, budget, str(number), *(f"{share:.1%}" for share in [*shares, min(segments)])])
    if not rows:
        return []
    return ["## Share of codevectors that segments use together", "On the test split.", table_of(head, rows)]


def _bits(runs: Sequence[Result]) -> float:
    return fmean(run.numbers["bits_per_image"] for run in runs)


def _mean(runs: Sequence[Result], name: str) -> str:
    known = [run.numbers[name] for run in runs if name in run.numbers]
    return METRICS[name].text(fmean(known)) if known else "–"


def _seeds(number: int) -> str:
    return f"{number} seed{'s' * (number > 1)}"


def _number(value: float | None, metric: str) -> str:
    return "–" if value is None else f"{value:.2%}" if metric == "usage" else f"{value:.4g}"
