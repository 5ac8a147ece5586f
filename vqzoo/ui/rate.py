"""The page of rate and distortion: what a bit buys, on every axis that it can be counted by."""

from typing import Any

import gradio as gr

from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.panels.photo_rates import Photograph
from vqzoo.ui.panels.rates import Costs, Entropy, Law, Models, choices_with
from vqzoo.views.rate import Rates
from vqzoo.views.rate_costs import COST_COLUMNS, ENTROPY_COLUMNS, cost_table, entropy_table
from vqzoo.views.rate_figure import TABLE_COLUMNS, rate_table, story
from vqzoo.views.rate_fit import law_of

NAME = "Rate"


def build(context: Context) -> None:
    """Lay the page out; each of its parts is computed when it is first looked at."""
    rates = Rates(context.engine)
    datasets = rates.datasets()
    if not datasets:
        gr.Markdown("No model here says what it was measured on.", elem_classes="hint")
        return
    dataset = gr.Radio(datasets, value=datasets[0], label="Measured on", elem_id="rate-dataset")
    context.when_offered(lambda now: choices_with([(each, each) for each in rates.datasets()], now), [dataset], dataset)
    with gr.Tabs(elem_id="rate-parts"):
        parts = [kind(context, rates, dataset) for kind in (Models, Law, Costs, Entropy)]
        photograph = Photograph(context, rates)
    for part in (*parts, photograph):
        part.watch()
    _api(rates)


def _api(rates: Rates) -> None:
    """What the tabs of the registry show, as functions with types."""

    def rate_distortion(dataset: str, metric: str = "psnr", axis: str = "bits per image") -> dict[str, Any]:
        """The models of a data set: a table, and what a metric against an axis of cost tells, in words."""
        with show_errors():
            said = story(rates, dataset, axis, metric)
            return {"columns": TABLE_COLUMNS, "rows": rate_table(rates, dataset), "story": said}

    def bits_for_psnr(dataset: str, psnr: float, group: str = "models with codevectors") -> dict[str, Any]:
        """Bits an image that a PSNR in dB takes by a power law: bits, their 95 % interval, the law's exponent."""
        from vqzoo.analysis.powerlaw import distortion

        with show_errors():
            _, law = law_of(rates, dataset, group)
            bits, low, high = law.bits(distortion(psnr))
        return {"bits": bits, "interval": [low, high], "exponent": law.exponent, "points": law.number}

    def lookup_costs(dataset: str) -> dict[str, Any]:
        """Storage of codebooks and multiplications of a lookup, an image of the test split, of every model."""
        with show_errors():
            return {"columns": COST_COLUMNS, "rows": cost_table(rates, dataset)}

    def entropy_coding(dataset: str) -> dict[str, Any]:
        """Fixed-length and ideally entropy-coded bits, an image of the test split, of every model that counted."""
        with show_errors():
            return {"columns": ENTROPY_COLUMNS, "rows": entropy_table(rates, dataset)}

    for function in (rate_distortion, bits_for_psnr, lookup_costs, entropy_coding):
        gr.api(function, api_name=function.__name__)
