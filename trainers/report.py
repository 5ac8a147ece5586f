"""One page about training runs: curves, codebooks, samples, recipes; several runs are laid over each other.

A single HTML file that asks no network for anything. It can be made while a run is going on, too.
"""

import base64
import math
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import plotly.io
import tyro
from plotly.offline import get_plotlyjs

from vqzoo.analysis.log import NOT_TERMS, SELECTION, by_size, read, thin
from vqzoo.files.storage import read_json

_COLOURS = ("#7c6cf0", "#e0813a", "#1f9e89", "#d1495b", "#3d8fd8", "#8a9a2b", "#b565c9", "#9a7355")
"""Of the runs, in their order; each can be told on a light page and on a dark one."""
_INK = "#8a8f99"
_WARNING = "#d99a1c"
_POINTS = 2000  # in a curve: more than a screen has columns

_HELD_OUT = "held_out/"

Points = tuple[list[float], list[float]]
Panel = tuple[str, go.Figure]
"""Heading and figure."""


@dataclass(frozen=True)
class Run:
    """What a run folder holds; name: how the page calls it, which no other run on the page is called."""

    name: str
    recipe: dict[str, Any]
    rows: list[dict[str, Any]]
    samples: list[Path]

    def points(self, key: str) -> Points:
        """(steps, values) of all rows that have a finite number under this key."""
        found = [(row["step"], row[key]) for row in self.rows if math.isfinite(row.get(key, math.nan))]
        return [step for step, _ in found], [value for _, value in found]

    @property
    def warnings(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if "warning" in row]


def load(folder: Path, name: str) -> Run:
    """Read a run folder. Raises ValueError that names what is missing."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: there is no such folder; expected that of a run, such as runs/cifar10-vq-1024x128")
    for file in ("metrics.jsonl", "recipe.json"):
        if not (folder / file).is_file():
            raise ValueError(f"{folder}: there is no {file}; expected the folder of a run")
    rows = read(folder / "metrics.jsonl")
    if not rows:
        raise ValueError(f"{folder}: metrics.jsonl is empty; a run's first row comes after a few dozen steps")
    samples = sorted((folder / "samples").glob("step-*.png"))
    return Run(name, read_json(folder / "recipe.json"), rows, samples)


def load_all(folders: Sequence[Path]) -> list[Run]:
    """The runs, called as their folders are, or by the whole path where two folders are of one name."""
    if not folders:
        raise ValueError("expected at least one run folder")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ValueError(f"a run folder is named twice: {', '.join(map(str, folders))}")
    names = [folder.resolve().name for folder in folders]
    return [
        load(folder, name if names.count(name) == 1 else str(folder))
        for folder, name in zip(folders, names, strict=True)
    ]


# --- curves ----------------------------------------------------------------------------------------------------------


def sections(runs: Sequence[Run]) -> dict[str, list[Panel]]:
    """Heading -> the panels of which at least one run has numbers."""
    terms = dict.fromkeys(
        key.removeprefix(_HELD_OUT)
        for run in runs
        for row in run.rows
        for key in row
        if key.startswith(_HELD_OUT) or ("loss" in row and key not in NOT_TERMS and not key.startswith(SELECTION))
    )
    losses = [_panel("loss", runs, "loss", "held_out")]
    losses += [_panel(name, runs, name, _HELD_OUT + name) for name in terms]
    codebook = [_panel("usage", runs, "usage", axis={"tickformat": ".0%"}), _panel("perplexity", runs, "perplexity")]
    codebook += [_selection_panel(run, len(runs) > 1) for run in runs]
    others = {
        "gradient gap": "gradient_gap",
        "learning rate": "learning_rate",
        "images a second": "images_per_second",
        "peak memory (MiB)": "peak_memory_mib",
    }
    course = [_panel(title, runs, key) for title, key in others.items()]
    found = {"Losses": losses, "Codebook": codebook, "Course": course}
    shown = {heading: [(title, figure) for title, figure in panels if figure.data] for heading, panels in found.items()}
    return {heading: panels for heading, panels in shown.items() if panels}


def _panel(
    title: str, runs: Sequence[Run], key: str, held_out: str | None = None, axis: dict[str, Any] | None = None
) -> Panel:
    """One quantity of all runs: thin lines for `key`, lines with dots for its held-out twin."""
    figure = go.Figure()
    values: list[float] = []
    for number, run in enumerate(runs):
        colour = _COLOURS[number % len(_COLOURS)]
        train = _thin(run.points(key))
        judged = run.points(held_out) if held_out else ([], [])
        values += train[1] + judged[1]
        who = f"{_plain(run.name)}: " if len(runs) > 1 else ""
        if train[0]:
            name = who + ("train" if held_out else _plain(title))
            line = {"color": colour, "width": 1.5}
            opacity = 0.6 if held_out else 1.0
            figure.add_scatter(x=train[0], y=train[1], name=name, mode=_mode(train), line=line, opacity=opacity)
        if judged[0]:
            style: dict[str, Any] = {"line": {"color": colour, "width": 2.5}, "marker": {"size": 6}}
            figure.add_scatter(x=judged[0], y=judged[1], name=f"{who}held out", mode="lines+markers", **style)
    steep = held_out is not None and bool(values) and min(values) > 0 and max(values) > 20 * min(values)
    _style(figure, runs)
    figure.update_yaxes(**({"type": "log", "dtick": "D2"} if steep else {"rangemode": "tozero"}), **(axis or {}))
    return (f"{title} (log scale)" if steep else title), figure


def _selection_panel(run: Run, several: bool) -> Panel:
    """The shares of an adaptive quantizer's codebooks, one line each."""
    figure = go.Figure()
    names = sorted({key for row in run.rows for key in row if key.startswith(SELECTION)}, key=by_size)
    for number, key in enumerate(names):
        steps, shares = _thin(run.points(key))
        line = {"color": _COLOURS[number % len(_COLOURS)], "width": 1.5}
        name = _plain(key.removeprefix(SELECTION))
        figure.add_scatter(x=steps, y=shares, name=name, mode=_mode((steps, shares)), line=line)
    _style(figure, [run])
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    legend = {"orientation": "h", "y": -0.16, "yanchor": "top", "x": 0}
    figure.update_layout(showlegend=True, legend=legend, margin_b=70)
    return f"selection of codebooks: {run.name}" if several else "selection of codebooks", figure


def _mode(points: Points) -> str:
    return "lines" if len(points[0]) > 1 else "markers"


def _thin(points: Points) -> Points:
    return thin(*points, _POINTS)


def _style(figure: go.Figure, runs: Sequence[Run]) -> None:
    """A transparent ground and mid-grey ink, legible on the light and the dark page; a line where a run was warned."""
    faint = "rgba(138,143,153,0.18)"
    figure.update_layout(
        height=300,
        autosize=True,
        margin={"l": 56, "r": 14, "t": 12, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": _INK, "size": 12},
        showlegend=False,
        hovermode="x unified",
        hoverlabel={"bgcolor": "#23262d", "font": {"color": "#eceef2"}, "namelength": -1},
    )
    figure.update_xaxes(
        gridcolor=faint, zeroline=False, automargin=False, rangemode="tozero", title={"text": "step", "standoff": 6}
    )
    figure.update_yaxes(gridcolor=faint, zeroline=False, automargin=False, hoverformat=".4~g")
    for number, run in enumerate(runs if figure.data else []):
        colour = _COLOURS[number % len(_COLOURS)] if len(runs) > 1 else _WARNING
        for row in run.warnings:
            figure.add_vline(
                x=row["step"],
                line={"color": colour, "width": 1, "dash": "dot"},
                annotation={"text": _plain(row["warning"]), "textangle": -90, "font": {"size": 10, "color": _WARNING}},
                annotation_position="top right",
            )


def _plain(text: str) -> str:
    """Text for plotly, which reads a few tags; unlike a page, it knows no &quot;."""
    return escape(text, quote=False)


# --- page ------------------------------------------------------------------------------------------------------------


def page(runs: Sequence[Run]) -> str:
    """The whole HTML page."""
    title = f"Training of {runs[0].name}" if len(runs) == 1 else f"Training of {len(runs)} runs"
    parts = [f"<h1>{escape(title)}</h1>", _summary(runs), _warnings(runs)]
    plots = 0
    for heading, panels in sections(runs).items():
        parts.append(f"<h2>{heading}</h2>")
        parts.append(_CURVES_HINT if heading == "Losses" else "")
        parts.append('<div class="grid">')
        for name, figure in panels:
            html = plotly.io.to_html(
                figure,
                config={"displayModeBar": False, "responsive": True},
                include_plotlyjs=False,
                full_html=False,
                div_id=f"plot-{plots}",
            )
            parts.append(f"<section><h3>{escape(name)}</h3>{html}</section>")
            plots += 1
        parts.append("</div>")
    parts += [_samples(runs), _recipes(runs)]
    body = "\n".join(part for part in parts if part)
    return _PAGE.format(title=escape(title), style=_STYLE, plotly=get_plotlyjs(), body=body, script=_SCRIPT)


_CURVES_HINT = (
    '<p class="hint">Thin: training, the loss with all of its terms. Bold with dots: held-out images, the loss with '
    "those terms that compare images. Dotted: a warning. <span>Drag to look closer, double-click to go back.</span></p>"
)


def _summary(runs: Sequence[Run]) -> str:
    rows = []
    for number, run in enumerate(runs):
        colour = _COLOURS[number % len(_COLOURS)]
        facts = [f'<i style="background:{colour}"></i>{escape(run.name)}']
        facts.append(f"{run.rows[-1]['step']:,} of {run.recipe.get('steps', 0):,}")
        steps, losses = run.points("held_out")
        best = min(range(len(losses)), key=losses.__getitem__, default=None)
        facts.append("–" if best is None else f"{losses[best]:.4g} at step {steps[best]:,}")
        facts += [_last(run, "usage", lambda value: f"{value:.1%}"), _last(run, "images_per_second", _middle(run))]
        facts.append(str(len(run.warnings)))
        rows.append(facts)
    heads = ["run", "steps", "best held-out loss", "usage", "images a second", "warnings"]
    kept = [place for place in range(len(heads)) if any(row[place] != "–" for row in rows)]
    return _table([heads[place] for place in kept], [[row[place] for place in kept] for row in rows], kind="facts")


def _last(run: Run, key: str, show: Callable[[float], str]) -> str:
    values = run.points(key)[1]
    return show(values[-1]) if values else "–"


def _middle(run: Run) -> Callable[[float], str]:
    """The median speed: the last row's may be that of a machine about to stop."""
    return lambda _: f"{statistics.median(run.points('images_per_second')[1]):,.0f}"


def _warnings(runs: Sequence[Run]) -> str:
    lines = [
        f"<li><b>{escape(row['warning'])}</b> "
        + (f"<b>{escape(run.name)}</b> " if len(runs) > 1 else "")
        + f"{escape(row.get('text', ''))}</li>"
        for run in runs
        for row in run.warnings
    ]
    return f'<h2>Warnings</h2><ul class="warnings">{"".join(lines)}</ul>' if lines else ""


def _samples(runs: Sequence[Run]) -> str:
    """The first, the middle and the last grid of each run."""
    parts = []
    for run in runs:
        chosen = sorted({0, len(run.samples) // 2, len(run.samples) - 1}) if run.samples else []
        for path in (run.samples[place] for place in chosen):
            step = f"step {int(path.stem.removeprefix('step-')):,}"
            caption = escape(f"{run.name}, {step}" if len(runs) > 1 else step)
            source = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
            image = f'<img src="{source}" alt="samples, {caption}">'
            parts.append(f"<figure>{image}<figcaption>{caption}</figcaption></figure>")
    if not parts:
        return ""
    hint = '<p class="hint">Held-out images above, their reconstructions below.</p>'
    return f'<h2>Samples</h2>{hint}<div class="samples">{"".join(parts)}</div>'


def _recipes(runs: Sequence[Run]) -> str:
    flat = [_flatten(run.recipe) for run in runs]
    fields = [  # of one setting, those that only some of the runs have beside the others
        field
        for key in dict.fromkeys(key for run in runs for key in run.recipe)
        for field in dict.fromkeys(
            field for run in runs if key in run.recipe for field in _flatten({key: run.recipe[key]})
        )
    ]
    rows, marks = [], []
    for field in fields:
        values = [recipe.get(field, "–") for recipe in flat]
        rows.append([escape(field), *map(escape, values)])
        marks.append(len(set(values)) > 1)
    hint = '<p class="hint">Marked: what differs between the runs.</p>' if len(runs) > 1 else ""
    return f"<h2>Recipe</h2>{hint}" + _table(["field", *(escape(run.name) for run in runs)], rows, marks)


def _flatten(value: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as one table: dotted names, values as text."""
    found: dict[str, str] = {}
    for key, part in value.items():
        if isinstance(part, dict):
            found |= _flatten(part, f"{prefix}{key}.")
        else:
            found[prefix + key] = ", ".join(map(str, part)) if isinstance(part, list) else str(part)
    return found


def _table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], marks: Sequence[bool] | None = None, kind: str = "fields"
) -> str:
    """Cells are HTML; rows with a mark are highlighted."""
    head = "".join(f"<th>{cell}</th>" for cell in heads)
    lines = []
    for row, mark in zip(rows, marks or [False] * len(rows), strict=True):
        cells = "".join(f"<td>{cell}</td>" for cell in row)
        lines.append(f'<tr class="differs">{cells}</tr>' if mark else f"<tr>{cells}</tr>")
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return f'<div class="table {kind}">{table}</div>'


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
<script>{plotly}</script>
</head>
<body>
{body}
<script>{script}</script>
</body>
</html>
"""

_STYLE = """
:root { color-scheme: light dark; --page: #fbfbfc; --card: #fff; --ink: #22252b; --soft: #667080; --line: #e3e5ea;
  --mark: #fff1cf; }
@media (prefers-color-scheme: dark) { :root { --page: #15171c; --card: #1d2026; --ink: #e6e8ec; --soft: #98a0ad;
  --line: #30343d; --mark: #453a1c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px 20px 60px; max-width: 1320px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0 0 16px; font-size: 26px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { margin: 36px 0 10px; font-size: 19px; }
h3 { margin: 0; padding: 10px 14px 0; font-size: 14px; font-weight: 600; overflow-wrap: anywhere; }
.hint { margin: 0 0 12px; color: var(--soft); font-size: 14px; }
@media (pointer: coarse) { .hint span { display: none; } }
.grid { display: grid; gap: 14px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); }
.grid section, .samples figure { min-width: 0; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; overflow: hidden; }
.table { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
table { width: 100%; border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 14px; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; }
th { color: var(--soft); font-weight: 600; }
.fields td { max-width: 460px; overflow-wrap: anywhere; }
.fields td:first-child { min-width: 130px; }
.facts { white-space: nowrap; }
td i { display: inline-block; width: 10px; height: 10px; margin-right: 8px; border-radius: 50%; }
.differs td { background: var(--mark); }
.warnings { margin: 0; padding: 0; list-style: none; }
.warnings li { margin-bottom: 8px; padding: 8px 14px; background: var(--mark); border-left: 4px solid #d99a1c;
  border-radius: 6px; }
.samples { display: grid; gap: 14px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); }
figure { margin: 0; }
figure img { display: block; width: 100%; image-rendering: pixelated; background: #fff; }
figcaption { padding: 6px 14px; color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
@media (max-width: 600px) { body { padding: 16px 12px 40px; } h1 { font-size: 21px; } th, td { padding: 6px 10px; } }
"""

_SCRIPT = """
// A finger that moves over a plot scrolls the page.
if (matchMedia("(pointer: coarse)").matches)
  for (const plot of document.querySelectorAll(".js-plotly-plot")) Plotly.relayout(plot, { dragmode: false });
"""


def main(runs: tyro.conf.Positional[tuple[Path, ...]], output: Path = Path("report.html")) -> int:
    """Write one HTML page about training runs: curves, warnings, samples, recipes.

    Args:
        runs: run folders, each with metrics.jsonl and recipe.json; several are laid over each other.
        output: file to write.
    """
    try:
        output.write_text(page(load_all(runs)), encoding="utf-8")
    except (ValueError, OSError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return 1
    print(f"written: {output}")
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
