"""Models against image codecs on one photograph, and the models' indices after lossless coding."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from vqzoo.analysis.formats import available, label, parse_label
from vqzoo.analysis.lossless import cross_entropy_bits, entropy_bits
from vqzoo.analysis.result import Result
from vqzoo.metrics.table import METRICS, names
from vqzoo.ops.check import check_choice
from vqzoo.views.comparison import Comparison
from vqzoo.views.engine import Engine, Photo
from vqzoo.views.job import Job
from vqzoo.views.levels import num_levels
from vqzoo.views.rate import Point, Rates, placed
from vqzoo.views.rate_against import against
from vqzoo.views.rate_costs import counts_of
from vqzoo.views.rate_figure import plane
from vqzoo.views.style import QUIET, message
from vqzoo.views.vqz import Files

if TYPE_CHECKING:
    from vqzoo.tokens.vqz import Vqz

RATES = 6
"""Number of rates per codec, from the lowest to the highest of the models."""

PHOTO_METRICS = names("image", table="photographs")
_SHOWN = ("bits_per_image", "bits_per_pixel", *PHOTO_METRICS)
PHOTO_COLUMNS = (
    "model",
    *(METRICS[name].head for name in _SHOWN),
    "own entropy, bits",
    "with the test split's shares, bits",
    ".vqz file, bits",
    "symbols by",
)
PHOTO_ABOUT = (
    "*True bits*: fixed length, log2 K an index. *Own entropy*: of the indices of this very photograph, column by "
    "column, as if their shares were known to whoever decodes: too low, the more so the fewer indices there are. *With "
    "the test split's shares*: what an ideal coder needs that has the shares of the test split, one added to each "
    "count. *.vqz file*: all bytes of the file that `vqzoo compress` writes, header included, with the model of the "
    "symbols that it was coded by: their neighbours, or the test split's shares. Hollow marks in the figure are these "
    "files; a codec's bits are its file, too."
)


class PhotoRates:
    """Figures and tables of one photograph at a time."""

    def __init__(self, rates: Rates):
        self.rates = rates
        self.engine: Engine = rates.engine
        self.files = Files(self.engine)

    def compute(self, of: Comparison, metric: str) -> Iterator[dict[str, Any]]:
        """Yield figure, table, comparison with codecs, points as data, and note as models and codecs are computed.

        Raises ValueError for an unknown metric or model, and without any model.
        """
        check_choice("metric", metric, PHOTO_METRICS)
        if not of.models:
            raise ValueError("Choose at least one model.")
        for name in of.models:
            check_choice("model", name, self.engine.models)
        photo = self.engine.photo(of.photo, of.side)
        models = [Job(name) for name in of.models]
        results: dict[Job, Result] = {}
        rows: list[list[Any]] = []
        for job, result in zip(models, self.engine.run_all(models, photo), strict=True):
            results[job] = result
            rows.append(self._row(job.name, result, photo))
            yield self._shown(results, rows, metric, photo, f"{len(results)} of {len(models)} models so far.")
        more = [*self._levels(of.models), *codec_jobs(results.values(), photo)]
        for number, (job, result) in enumerate(zip(more, self.engine.run_all(more, photo), strict=True), 1):
            results[job] = result
            progress = "" if number == len(more) else f"{number} of {len(more)} points of curves so far."
            if not progress or number % 4 == 0:
                yield self._shown(results, rows, metric, photo, progress)

    def last(self, of: Comparison, metric: str) -> dict[str, Any]:
        """Return what `compute` yields last; results that are no longer cached are computed again."""
        *_, last = self.compute(of, metric)
        return last

    def _levels(self, names: Sequence[str]) -> list[Job]:
        """Return jobs with the first levels of residual models alone, which give a curve per model."""
        counts = {name: num_levels(self.engine.models[name]) for name in names}
        return [Job(name, levels=levels) for name, count in counts.items() for levels in range(1, count)]

    def _shown(
        self, results: dict[Job, Result], rows: list[list[Any]], metric: str, photo: Photo, progress: str
    ) -> dict[str, Any]:
        points = [self._measured(job, result) for job, result in results.items()]
        drawn = placed(
            list({(p.name, p.metrics["bits_per_image"]): p for p in points}.values()), "bits per image", metric
        )
        if not drawn:
            figure = message(f"{METRICS[metric].title} is not available here.")
            return {"figure": figure, "table": rows, "against": [], "points": [], "note": progress}
        figure = plane(drawn, "true bits of this photograph", metric)
        self._add_compressed(figure, results, rows, metric)
        compared = [] if progress else against(drawn, metric)
        data = [{"name": p.name, "kind": p.kind, "bits_per_image": x, metric: y} for p, x, y in drawn]
        note = f"{photo.note} {progress}".strip()
        return {"figure": figure, "table": list(rows), "against": compared, "points": data, "note": note}

    def _measured(self, job: Job, result: Result) -> Point:
        """Return the point of a result on the photograph."""
        if codec := parse_label(job.name):
            metrics = result.metrics
            note = f"quality {metrics['quality']}" if metrics["met"] else "cannot go lower"
            name = f"{codec[0]} at {metrics['bits_per_image']:,.0f} bits"
            return Point(name, codec[0], codec[0], metrics, None, None, note)
        of = self.rates.point(self.engine.models[job.name])
        name = job.name if job.levels is None else f"{job.name}, first {job.levels} levels"
        return Point(name, of.kind, job.name, result.metrics, None, of.trained, of.note, whole=job.levels is None)

    def _add_compressed(
        self, figure: go.Figure, results: dict[Job, Result], rows: list[list[Any]], metric: str
    ) -> None:
        """Add a hollow mark at the size of each model's .vqz file, joined to its true bits by a line."""
        bits = {row[0]: (row[1], row[-2]) for row in rows if row[-2] is not None}
        marks = [(name, *both, results[Job(name)].metrics[metric]) for name, both in bits.items()]
        marks = [each for each in marks if each[3] is not None]
        if marks:
            low, high = figure.layout.xaxis.range
            figure.update_xaxes(range=(min(low, *(math.log10(coded) - 0.05 for _, _, coded, _ in marks)), high))
        figure.add_scatter(
            x=[x for _, fixed, coded, _ in marks for x in (fixed, coded, None)],
            y=[y for *_, value in marks for y in (value, value, None)],
            mode="lines",
            line={"color": QUIET, "width": 1},
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=[coded for _, _, coded, _ in marks],
            y=[value for *_, value in marks],
            text=[name for name, *_ in marks],
            mode="markers",
            name=".vqz files",
            marker={"color": QUIET, "symbol": "circle-open", "size": 9, "line": {"width": 2}},
            hovertemplate="<b>%{text}</b><br>%{x:,.0f} bits as a .vqz file<extra></extra>",
        )

    def _row(self, name: str, result: Result, photo: Photo) -> list[Any]:
        """Return a row of PHOTO_COLUMNS."""
        metrics, counts = result.metrics, result.counts
        own = known = None
        if counts is not None:
            own = round(sum(entropy_bits(counts)))
            test = counts_of(self.rates.point(self.engine.models[name]))
            known = None if test is None else round(cross_entropy_bits(counts, test))
        file = self._file(name, photo) if counts is not None else None
        return [
            name,
            *(METRICS[metric].rounded(metrics[metric]) for metric in _SHOWN),
            own,
            known,
            None if file is None else file.bits,
            None if file is None else file.model,
        ]

    def _file(self, name: str, photo: Photo) -> "Vqz | None":
        """Return the photograph's file; None where it has more indices than a file may hold."""
        try:
            return self.files.write(name, photo)
        except ValueError:
            return None


def codec_jobs(results: Iterable[Result], photo: Photo) -> list[Job]:
    """Return jobs for every codec at RATES rates, log-spaced over those of the models and below raw pixels."""
    bits = [result.metrics["bits_per_image"] for result in results]
    raw = 8 * photo.pixels.size
    low, high = min(*bits, raw / 4), min(max(bits), raw / 2)
    if high < 4 * low:  # models of about one rate: surround it
        low, high = low / 4, min(4 * high, raw / 2)
    rates = np.geomspace(low, max(high, low), RATES)
    return [Job(label(codec, rate)) for codec in available() for rate in rates]
