"""The studies: tables of reported beside measured values, and the verdict on each claim."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import plotly.graph_objects as go

from vqzoo.metrics.table import METRICS
from vqzoo.studies.compare import Compared, compare
from vqzoo.studies.rates import raw_bits
from vqzoo.studies.reported import EVERYTHING, OFFERED, Row, by_setting, tables
from vqzoo.studies.results import BUDGETS, PATH, Result, read_results
from vqzoo.studies.settings import Setting
from vqzoo.views.style import ACCENT, QUIET, message, styled

Order = Literal["as in the paper", "by true bits"]
ORDERS: tuple[Order, ...] = ("as in the paper", "by true bits")

# Heading -> (type, share of the table's width).
COLUMNS: dict[str, tuple[Literal["str", "number"], str]] = {
    "setting": ("str", "14.9%"),
    "reported": ("str", "10.5%"),
    "zoo": ("str", "7.6%"),
    "short": ("str", "7.6%"),
    "long": ("str", "7.6%"),
    "full": ("str", "6.6%"),
    "difference": ("str", "12.8%"),
    "true bits": ("str", "9.2%"),
    "% of raw": ("str", "8.7%"),
    "trained": ("str", "14.5%"),
}
MISSING = "not trained yet"
_SYMBOLS = {"zoo": "circle-open", "short": "triangle-up", "long": "square", "full": "circle"}
_ANYWHERE = "psnr"  # offered also where a table does not report it

ABOUT = (
    "Reported: as the paper prints it, measured by its own protocol (files of JPEG, for LooC's tables on small "
    "images). Zoo, short, long and full: exactly this setting measured here, by the protocol named, of several seeds "
    "the mean; zoo is a shipped model, short the same few updates for every row of a study, long 80 times as many "
    "images, full the paper's epochs. Difference: the longest of them less what is reported, so it is one of training "
    "as well; trained says how much of the full budget that was. True bits are all indices that decoding an image "
    "needs, before entropy coding; the papers print none. LPIPS is compared where both are those of VGG. Everything "
    "measured has the settings that no table has, too, with LPIPS as it was measured: by SqueezeNet."
)


def open_questions() -> str:
    """Return data/open.md as Markdown for a page, without its title and its links."""
    _, body = PATH.with_name("open.md").read_text(encoding="utf-8").split("\n", 1)
    return re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", body).replace("\n## ", "\n#### ")


def study_tables(study: str) -> list[str]:
    """Return the tables of a study, and `EVERYTHING` if any setting of it was measured."""
    numbered = sorted(tables()[study], key=lambda table: (not table.isdecimal(), int(table.lstrip("fig") or 0)))
    return [*numbered, EVERYTHING] if _measured(study, lines()) else numbered


def table_label(table: str) -> str:
    """Return the paper's name of a table, such as "Table 5" or "Figure 5"."""
    if table == EVERYTHING:
        return "Everything measured"
    return f"Figure {table.removeprefix('fig')}" if table.startswith("fig") else f"Table {table}"


def table_datasets(study: str, table: str) -> list[str]:
    """Return the data sets of a table in its order, CIFAR-10 first as the quickest to train on."""
    datasets = dict.fromkeys(row.setting.dataset for row in _rows(study, table, lines()))
    return sorted(datasets, key=lambda name: name != "cifar10")


def table_metrics(study: str, table: str) -> dict[str, str]:
    """Return the metrics that a table can show -> labels; PSNR is always one, as every run measures it."""
    every = lines()
    known = {metric for row in _rows(study, table, every) for metric in row.reported} | {_ANYWHERE}
    if table == EVERYTHING:
        known |= {name for line in every if line.setting.source == study for name in line.numbers}
    return {metric: METRICS[metric].title for metric in OFFERED if metric in known}


def compared(
    study: str, table: str, dataset: str, metric: str, order: Order, results: Sequence[Result] | None = None
) -> list[Compared]:
    """Return the rows of a table on one data set; ordered by true bits, rows of unknown rate are last."""
    known = lines() if results is None else results
    rows = [row for row in _rows(study, table, known) if row.setting.dataset == dataset]
    shown = [compare(row, metric, known) for row in rows]
    if order == "by true bits":
        shown.sort(key=lambda each: (each.bits is None, each.bits))
    return shown


def lines() -> list[Result]:
    """Return the rows of results.csv, read again only if the file has changed."""
    return _read(PATH.stat().st_mtime_ns if PATH.is_file() else 0)


@lru_cache(maxsize=1)
def _read(changed: int) -> list[Result]:
    return read_results()


def _measured(study: str, lines: Sequence[Result]) -> list[Setting]:
    return list(dict.fromkeys(line.setting for line in lines if line.setting.source == study))


def _rows(study: str, table: str, lines: Sequence[Result]) -> Sequence[Row]:
    """Return the rows of a table; those of `EVERYTHING` have no reported LPIPS, as papers use another network."""
    of = tables()[study]
    if table != EVERYTHING:
        return of[table]
    reported = by_setting(study)
    return [
        Row(
            setting,
            {metric: value for metric, value in reported.get(setting, {}).items() if not METRICS[metric].network},
        )
        for setting in _measured(study, lines)
    ]


def table_rows(shown: Sequence[Compared], metric: str) -> list[list[str]]:
    """Return the cells of each row, in the order of `COLUMNS`."""
    return [_cells(each, metric) for each in shown]


def _cells(each: Compared, metric: str) -> list[str]:
    bits, raw = each.bits, raw_bits(each.row.setting.dataset)
    style = ".2%" if metric == "usage" else ".4g"
    values = [each.reported, *(each.values.get(budget) for budget in BUDGETS)]
    return [
        each.row.setting.label,
        *("–" if value is None else f"{value:{style}}" for value in values),
        "–" if each.difference is None else f"{each.difference:+{style}}",
        "not known" if bits is None else f"{bits:,.0f}",
        "–" if bits is None or raw is None else f"{bits / raw:.1%}",
        trained(each.longest_runs),
    ]


def trained(runs: Sequence[Result]) -> str:
    """Return how long runs of one budget were trained, and by how many seeds."""
    if not runs:
        return MISSING
    shares = [run.numbers["share"] for run in runs if "share" in run.numbers]
    length = f"{max(shares):.1%} of full" if shares and runs[0].budget != "full" else runs[0].budget
    seeds = len({run.numbers.get("seed") for run in runs})
    return f"{length}, {seeds} seed{'s' * (seeds > 1)}"


def summary(shown: Sequence[Compared]) -> str:
    """Return a sentence on how many settings of a table are trained, and by which protocol they are measured."""
    trained = sum(bool(each.runs) for each in shown)
    protocols = {run.protocol for each in shown for run in each.longest_runs}
    by = f", measured by protocol {' and '.join(sorted(protocols))}" if protocols else ""
    return f"{trained} of {len(shown)} settings are trained here{by}."


def figure(shown: Sequence[Compared], metric: str, order: Order) -> go.Figure:
    """Draw reported values and those measured at each budget over the rows of the table, or over true bits."""
    by_bits = order == "by true bits"
    drawn = [each for each in shown if not by_bits or each.bits]
    if not any(each.reported is not None or each.values for each in drawn):
        return message("Nothing is reported in this measure, and nothing is measured yet.")
    chart = go.Figure()
    marks = {budget: {"symbol": symbol, "color": ACCENT, "size": 11} for budget, symbol in _SYMBOLS.items()}
    for name, values, marker in (
        ("reported", [each.reported for each in drawn], {"symbol": "diamond-open", "color": QUIET, "size": 11}),
        *((budget, [each.values.get(budget) for each in drawn], marks[budget]) for budget in BUDGETS),
    ):
        points = [(each, value) for each, value in zip(drawn, values, strict=True) if value is not None]
        if points:
            chart.add_scatter(
                x=[each.bits if by_bits else each.row.setting.label for each, _ in points],
                y=[value for _, value in points],
                name=name,
                mode="markers",
                marker={**marker, "line": {"width": 2, "color": marker["color"]}},
                text=[_hover(each, name) for each, _ in points],
                hovertemplate="%{text}: %{y:.4~g}",
            )
    if by_bits:
        chart.update_xaxes(type="log", title_text="true bits of an image")
        raw = raw_bits(drawn[0].row.setting.dataset)
        if raw:
            chart.add_vline(x=raw, line={"color": QUIET, "dash": "dot"}, annotation_text="raw pixels")
    else:
        labels = [each.row.setting.label for each in drawn]
        chart.update_xaxes(type="category", categoryorder="array", categoryarray=labels, tickangle=-35)
    chart.update_yaxes(title_text=METRICS[metric].title, automargin=True, tickformat=".0%" if metric == "usage" else "")
    styled(chart, 420)
    chart.update_layout(hovermode="closest", margin={"b": 60 if by_bits else 120, "t": 40})
    return chart


def _hover(each: Compared, name: str) -> str:
    return f"{each.row.setting.label}, {trained(each.runs[name]) if name in each.runs else name}"


def table_record(study: str, table: str, dataset: str, metric: str) -> list[dict[str, Any]]:
    """Return the view as data: one dict per row."""
    return [
        {
            "setting": each.row.setting._asdict(),
            "reported": each.reported,
            "measured": each.measured,
            **{budget: each.values.get(budget) for budget in BUDGETS},
            "true_bits": each.bits,
            "runs": [
                {"recipe": run.recipe, "budget": run.budget, "protocol": run.protocol}
                for runs in each.runs.values()
                for run in runs
            ],
        }
        for each in compared(study, table, dataset, metric, "as in the paper")
    ]
