"""The claims of the studies as HTML: verdict, picture, how weak the evidence is, and what is behind it."""

from collections.abc import Sequence
from html import escape
from itertools import groupby
from statistics import fmean

from vqzoo.metrics.table import METRICS
from vqzoo.studies import STUDIES
from vqzoo.studies.claims import VERDICTS, Claim, claims, evidence
from vqzoo.studies.results import BUDGETS, Result
from vqzoo.views.claim_chart import chart
from vqzoo.views.studies import compared, lines, table_label, trained
from vqzoo.views.table import html_table

_EVIDENCE = ("psnr", "usage", "bits_per_image")
_ENOUGH = 0.05
"""Share of the paper's training below which a run counts as brief."""
_MARKS = {"holds": "✓", "does not hold": "✗", "only under": "◐", "not tested": "○"}
_WORDS = {
    "holds": "holds",
    "does not hold": "does not hold",
    "only under": "holds under a condition",
    "not tested": "not tested",
}
_COUNTED = {
    "holds": ("holds", "hold"),
    "does not hold": ("does not hold", "do not hold"),
    "only under": ("holds only under a condition", "hold only under a condition"),
    "not tested": ("is not tested yet", "are not tested yet"),
}
"""Verdict -> its words for one claim and for several."""
_FEW = 3
"""Settings below which a picture tells nothing."""


def verdict_counts(study: str | None = None) -> str:
    """Return one line with the number of claims of each verdict, of one study or of all."""
    every = [claim for claim in claims() if study in (None, claim.study)]
    counts = {verdict: sum(claim.verdict == verdict for claim in every) for verdict in VERDICTS}
    listed = ", ".join(f"{count} {_COUNTED[verdict][count > 1]}" for verdict, count in counts.items() if count)
    of = f" of {len(STUDIES)} studies" if study is None else ""
    return f"Of {len(every)} claims{of}: {listed}."


def claims_html(study: str) -> str:
    """Return the claims of a study as HTML: verdict, picture and weakness in sight, the evidence folded."""
    return "".join(_claim_html(claim) for claim in claims() if claim.study == study)


def claim_figure(claim_id: str) -> tuple[str, str, str, str]:
    """Return study, table, data set and metric of the view that shows a claim."""
    claim = next(claim for claim in claims() if claim.id == claim_id)
    assert claim.figure is not None
    return claim.study, claim.figure.table, claim.figure.dataset, claim.figure.metric


def claim_record(claim: Claim) -> dict[str, str]:
    """Return a claim as data."""
    texts = {"id": claim.id, "study": claim.study, "claim": claim.claim, "verdict": claim.verdict}
    return {**texts, "because": claim.because, "weak": weakness(_runs(claim)), "command": claim.command}


def weakness(runs: Sequence[Result]) -> str:
    """Return a sentence on what makes the runs behind a claim weak evidence; "" if nothing does."""
    if not runs:
        return "Nothing was measured here."
    settings = [_longest(list(each)) for _, each in groupby(sorted(runs, key=_by_setting), key=_by_setting)]
    shares = [max(run.numbers.get("share", 0.0) for run in each) for each in settings]
    brief = sum(share < _ENOUGH for share in shares)
    single = sum(len({run.numbers.get("seed") for run in each}) == 1 for each in settings)
    parts = []
    if brief == len(settings):
        parts.append(f"no setting had more than {max(shares):.2%} of the paper's training")
    elif brief:
        parts.append(f"{brief} of {len(settings)} settings had less than {_ENOUGH:.0%} of the paper's training")
    if single:
        parts.append(f"{single} of {len(settings)} settings rest on one seed")
    return f"Weak evidence: {'; '.join(parts)}." if parts else ""


def _by_setting(run: Result) -> str:
    return repr(run.setting)


def _longest(runs: Sequence[Result]) -> list[Result]:
    budget = max((run.budget for run in runs), key=BUDGETS.index)
    return [run for run in runs if run.budget == budget]


def _runs(claim: Claim) -> list[Result]:
    """Return the evidence; none in an installation without a checkout."""
    every = lines()
    return evidence(claim, every) if every else []


def _claim_html(claim: Claim) -> str:
    runs = _runs(claim)
    kind = claim.verdict.replace(" ", "-")
    weak = f'<p class="weak">{escape(text)}</p>' if (text := weakness(runs)) else ""
    button = ""
    if claim.figure:
        view = claim.figure
        where = f"{table_label(view.table)}, {view.dataset}, {METRICS[view.metric].title}"
        button = f'<button type="button" data-claim="{claim.id}">Show {escape(where)}</button>'
    table = f'<div tabindex="0" role="region" aria-label="evidence">{_evidence(runs)}</div>' if runs else ""
    return (
        f'<article class="claim" data-claim-id="{claim.id}"><p class="verdict {kind}"><span aria-hidden="true">'
        f"{_MARKS[claim.verdict]}</span> {_WORDS[claim.verdict]}</p>"
        f"<div>{weak}<p><b>{claim.id}</b> {escape(claim.claim)}</p>"
        f"<details><summary>Why, and the runs behind it</summary><p>{escape(claim.because)}</p>{table}{button}"
        f"<p>To measure it: <code>{escape(claim.command)}</code></p></details></div>{_picture(claim, runs)}</article>"
    )


def _picture(claim: Claim, runs: Sequence[Result]) -> str:
    """Return a chart of the claim's view: of the settings that it rests on, or of all where these are few."""
    if claim.figure is None:
        return ""
    view = claim.figure
    shown = compared(claim.study, view.table, view.dataset, view.metric, "as in the paper")
    settings = {run.setting for run in runs}
    own = [each for each in shown if each.row.setting in settings]
    return chart(own if len(own) >= _FEW else shown, view.metric, view.dataset)


def _evidence(runs: Sequence[Result]) -> str:
    """Return a table with a row per setting and budget, means over seeds."""

    def key(run: Result) -> tuple[str, int]:
        return _by_setting(run), BUDGETS.index(run.budget)

    rows = []
    for _, group in groupby(sorted(runs, key=key), key=key):
        each = list(group)
        texts = [each[0].setting.label, each[0].setting.dataset]
        for name in _EVIDENCE:
            values = [run.numbers[name] for run in each if name in run.numbers]
            texts.append(METRICS[name].text(fmean(values)) if values else "–")
        rows.append([escape(text) for text in (*texts, trained(each))])
    return html_table(["setting", "data set", *(METRICS[name].head for name in _EVIDENCE), "trained"], rows)
